use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::record::test_support::any_record;
use crate::record::{Environment, MAX_ENCODED};

const EPOCH: Id = Id([7; 16]);
const PARTNER: Id = Id([1; 16]);
const KEY: Id = Id([2; 16]);
const ADDRESS: [u8; 4] = [203, 0, 113, 77];

fn secret(byte: u8) -> Secret {
    Secret::new(vec![byte; DATA_KEY])
}

fn ring(keys: &[(Id, Id, u8)]) -> Arc<KeyRing> {
    let mut found = DataKeys::default();
    for &(owner, id, byte) in keys {
        found.put(owner, DataKey::new(id, secret(byte)).unwrap());
    }
    Arc::new(KeyRing::from_pointee(found))
}

fn call(address: [u8; 4], agent: &str) -> Record {
    let mut record = Record::request(Id([9; 16]), WallTime(1_795_536_000_000_000));
    record.partner = PARTNER;
    record.secret_slot = SecretSlot::Retiring;
    record.client = Some(SocketAddr::from((address, 4711)));
    record.user_agent = Text::cut(agent.as_bytes());
    record
}

fn sealed(sealer: &mut Sealer, mut record: Record) -> Record {
    sealer.seal(&mut record);
    record
}

fn opened(byte: u8, record: &Record) -> Option<Personal> {
    unseal(secret(byte), EPOCH, record.started_at, record.personal.as_bytes())
}

fn bytes_of(record: &Record) -> Vec<u8> {
    let mut buffer = [0; MAX_ENCODED];
    let length = record.encode(&mut buffer);
    buffer[..length].to_vec()
}

proptest! {
    #[test]
    fn what_is_sealed_comes_back_under_its_key_and_no_other(mut record in any_record(), partner: [u8; 16]) {
        record.partner = Id(partner);
        let before = record.clone();
        let ring = ring(&[(Id(partner), KEY, 3)]);
        Sealer::new(ring, AddressForms::all(AddressForm::Whole), EPOCH).seal(&mut record);
        prop_assert_eq!((record.client, record.user_agent.is_empty()), (None, true));
        let told = before.client.is_some() || !before.user_agent.is_empty();
        prop_assert_eq!((record.personal.is_empty(), record.personal_key), (!told, if told { KEY } else { Id::NONE }));
        if told {
            let personal = opened(3, &record).unwrap();
            let address = before.client.map_or(CallerAddress::Absent, |client| CallerAddress::Whole(client.ip()));
            prop_assert_eq!(personal, Personal { address, user_agent: before.user_agent });
            prop_assert_eq!(opened(4, &record), None);
            let other_epoch = unseal(secret(3), Id([8; 16]), record.started_at, record.personal.as_bytes());
            prop_assert_eq!(other_epoch, None);
        }
        // What else it says stays.
        let rest = Record {
            client: None, user_agent: Text::EMPTY, personal: record.personal.clone(), personal_key: record.personal_key,
            caller: record.caller, ..before
        };
        prop_assert_eq!(&Record::decode(&bytes_of(&record)), &Ok(rest));
    }

    #[test]
    fn garbage_is_no_personal_member_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert_eq!(unseal(secret(1), EPOCH, WallTime(0), &bytes), None);
    }
}

#[test]
fn nothing_of_an_address_stands_in_a_sealed_record_and_without_a_key_nothing_is_kept() {
    for (keys, kept) in [(vec![(PARTNER, KEY, 3)], true), (vec![(Id::NONE, KEY, 3)], false), (vec![], false)] {
        let mut sealer = Sealer::new(ring(&keys), AddressForms::all(AddressForm::Whole), EPOCH);
        let record = sealed(&mut sealer, call(ADDRESS, "nightly-batch/3"));
        assert_eq!(record.personal.is_empty(), !kept);
        let bytes = bytes_of(&record);
        assert!(!bytes.windows(4).any(|window| window == ADDRESS));
        assert!(!bytes.windows(7).any(|window| window == b"nightly"));
        // Which of 16 places it was is known all the same.
        assert!((1..=16).contains(&record.caller));
    }
}

#[test]
fn each_form_says_so_much_of_an_address_and_no_more() {
    let text = |form| {
        let mut sealer = Sealer::new(ring(&[(PARTNER, KEY, 3)]), AddressForms::all(form), EPOCH);
        let record = sealed(&mut sealer, call(ADDRESS, ""));
        opened(3, &record).map(|personal| personal.address.to_string())
    };
    assert_eq!(text(AddressForm::Whole).unwrap(), "203.0.113.77");
    assert_eq!(text(AddressForm::Truncated).unwrap(), "203.0.113.0/24");
    assert_eq!(text(AddressForm::None), None);
    let tag = text(AddressForm::Tag).unwrap();
    assert_eq!((tag.len(), &tag[..4]), (4 + 2 * TAG, "tag:"));
}

#[test]
fn each_environment_has_a_form_of_its_own() {
    let forms = AddressForms { live: AddressForm::Truncated, test: AddressForm::Whole, other: AddressForm::None };
    let mut sealer = Sealer::new(ring(&[(PARTNER, KEY, 3)]), forms, EPOCH);
    let mut text = |environment| {
        let record = sealed(&mut sealer, Record { environment, ..call(ADDRESS, "") });
        opened(3, &record).map(|personal| personal.address.to_string())
    };
    assert_eq!(text(Environment::Live).unwrap(), "203.0.113.0/24");
    assert_eq!(text(Environment::Test).unwrap(), "203.0.113.77");
    assert_eq!(text(Environment::None), None);
}

#[test]
fn the_tag_of_an_address_can_be_made_by_whoever_has_the_data_key() {
    let mut sealer = Sealer::new(ring(&[(PARTNER, KEY, 3)]), AddressForms::all(AddressForm::Tag), EPOCH);
    let record = sealed(&mut sealer, call(ADDRESS, ""));
    assert_eq!(address_tag(secret(3), IpAddr::from(ADDRESS)), opened(3, &record).map(|personal| personal.address));
    assert_eq!(address_tag(Secret::new(vec![1; 16]), IpAddr::from(ADDRESS)), None);
}

#[test]
fn only_the_key_of_callers_without_a_proven_one_makes_tags_of_secrets() {
    let mut keys = DataKeys::default();
    keys.put(PARTNER, DataKey::new(KEY, secret(3)).unwrap());
    assert_eq!(keys.secret_tag(b"NotARealKey"), SecretTag::NONE);
    keys.put(Id::NONE, DataKey::new(Id([5; 16]), secret(6)).unwrap());
    let first = keys.secret_tag(b"NotARealKey");
    assert_ne!(first, SecretTag::NONE);
    // The next month's takes its place; that the old one goes afterwards changes nothing.
    keys.put(Id::NONE, DataKey::new(Id([8; 16]), secret(9)).unwrap());
    let second = keys.secret_tag(b"NotARealKey");
    assert_ne!(second, first);
    keys.delete(&Id([5; 16]));
    assert_eq!(keys.secret_tag(b"NotARealKey"), second);
    keys.delete(&Id([8; 16]));
    assert_eq!(keys.secret_tag(b"NotARealKey"), SecretTag::NONE);
}

#[test]
fn a_tag_follows_an_address_through_epochs_and_days_and_not_from_partner_to_partner() {
    let tag = |epoch, byte, later, address| {
        let mut sealer = Sealer::new(ring(&[(PARTNER, KEY, byte)]), AddressForms::all(AddressForm::Tag), epoch);
        let mut record = call(address, "");
        record.started_at.0 += later;
        let record = sealed(&mut sealer, record);
        unseal(secret(byte), epoch, record.started_at, record.personal.as_bytes()).unwrap().address
    };
    let first = tag(EPOCH, 3, 0, ADDRESS);
    assert_eq!(tag(Id([8; 16]), 3, 3 * DAY_US, ADDRESS), first);
    assert_ne!(tag(EPOCH, 3, 0, [203, 0, 113, 78]), first);
    assert_ne!(tag(EPOCH, 4, 0, ADDRESS), first);
}

#[test]
fn sealed_members_are_equal_for_one_caller_of_one_partner_on_one_day_and_for_nothing_else() {
    let ring = ring(&[(PARTNER, KEY, 3), (Id([4; 16]), Id([5; 16]), 6)]);
    let mut sealer = Sealer::new(Arc::clone(&ring), AddressForms::all(AddressForm::Whole), EPOCH);
    let first = sealed(&mut sealer, call(ADDRESS, "a")).personal;
    assert_eq!(sealed(&mut sealer, call(ADDRESS, "a")).personal, first);
    // As another node life would have it that took the same epoch over.
    let mut other = Sealer::new(ring, AddressForms::all(AddressForm::Whole), EPOCH);
    assert_eq!(sealed(&mut other, call(ADDRESS, "a")).personal, first);
    let mut tomorrow = call(ADDRESS, "a");
    tomorrow.started_at.0 += DAY_US;
    let mut others = call(ADDRESS, "a");
    others.partner = Id([4; 16]);
    for record in [call([203, 0, 113, 78], "a"), call(ADDRESS, "b"), tomorrow, others] {
        assert_ne!(sealed(&mut sealer, record).personal, first);
    }
}

#[test]
fn an_erased_key_seals_nothing_more_and_a_new_one_seals_at_once() {
    let ring = ring(&[(PARTNER, KEY, 3)]);
    let mut sealer = Sealer::new(Arc::clone(&ring), AddressForms::all(AddressForm::Whole), EPOCH);
    assert_eq!(sealed(&mut sealer, call(ADDRESS, "")).personal_key, KEY);
    let mut keys = DataKeys::clone(&ring.load());
    keys.delete(&KEY);
    ring.store(Arc::new(keys.clone()));
    sealer.look_again();
    let record = sealed(&mut sealer, call(ADDRESS, ""));
    assert_eq!((record.personal_key, record.personal.is_empty(), record.client), (Id::NONE, true, None));
    // Without being told to look again: the first call of a new snapshot must not lose what it says.
    let next = Id([6; 16]);
    keys.put(PARTNER, DataKey::new(next, secret(9)).unwrap());
    ring.store(Arc::new(keys));
    assert_eq!(sealed(&mut sealer, call(ADDRESS, "")).personal_key, next);
}

#[test]
fn a_key_that_was_proven_and_refused_is_sealed_under_its_partners_data_key() {
    let mut sealer = Sealer::new(
        ring(&[(PARTNER, KEY, 3), (Id::NONE, Id([5; 16]), 6)]),
        AddressForms::all(AddressForm::Whole),
        EPOCH,
    );
    let mut record = call(ADDRESS, "");
    (record.partner, record.personal_key) = (Id::NONE, PARTNER);
    let record = sealed(&mut sealer, record);
    assert_eq!((record.partner, record.personal_key), (Id::NONE, KEY));
    let mut stranger = call(ADDRESS, "");
    stranger.partner = Id::NONE;
    assert_eq!(sealed(&mut sealer, stranger).personal_key, Id([5; 16]));
}

#[test]
fn a_flood_of_ever_new_callers_takes_no_more_memory_than_is_allowed() {
    let mut sealer = Sealer::new(ring(&[(PARTNER, KEY, 3)]), AddressForms::all(AddressForm::Whole), EPOCH);
    for number in 0..(REMEMBERED as u32 + 100) {
        assert!(!sealed(&mut sealer, call(number.to_be_bytes(), "")).personal.is_empty());
    }
    assert!(sealer.callers.len() <= REMEMBERED);
}

#[test]
fn a_data_key_of_another_length_is_none() {
    assert!(DataKey::new(KEY, Secret::new(vec![1; 16])).is_none());
}
