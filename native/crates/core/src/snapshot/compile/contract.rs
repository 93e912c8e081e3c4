//! Versions of contracts, and the documents that partners read of them.

use super::{body_of, id_of, parse_id, refused};
use crate::contract::wire::ContractBody;
use crate::contract::{self, ContractVersion, PartnerDocument, Pins};
use crate::snapshot::update::Refused;
use crate::snapshot::wire::ResourceLine;
use std::collections::BTreeMap;

pub(super) fn contract(line: &ResourceLine<'_>) -> Result<ContractVersion, Refused> {
    let body: ContractBody<'_> = body_of(line)?;
    contract::version(id_of(line)?, &body).map_err(|(place, why)| refused(line, &place, why))
}

pub(super) fn document(line: &ResourceLine<'_>) -> Result<PartnerDocument, Refused> {
    PartnerDocument::compile(body_of(line)?).map_err(|(place, why)| refused(line, place, why))
}

/// Absent: pinned to none.
pub(super) fn pins(contracts: Option<BTreeMap<String, String>>, line: &ResourceLine<'_>) -> Result<Pins, Refused> {
    let pairs = contracts.unwrap_or_default().into_iter();
    let pairs: Result<Vec<_>, _> = pairs
        .map(|(api, version)| Ok((parse_id(&api, line, "contracts")?, parse_id(&version, line, "contracts")?)))
        .collect();
    pairs.map(Pins::new)
}
