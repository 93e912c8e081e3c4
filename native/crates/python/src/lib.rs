//! The data plane as a Python extension module, `portazgo._native`: a thin binding, no decisions.

mod node;
mod programs;
mod records;
mod update;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The native half of Portazgo: wrapped by `portazgo.node.native`, described in `docs/wire.md`.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::node::Node;
    #[pymodule_export]
    use super::programs::{check_program, project, project_fields, project_header, rewrite, rewrite_parameters};
    #[pymodule_export]
    use super::records::{
        address_tag, decode_segment, secret_tag, segment_columns, summarize_segment, unseal_personal,
    };
    #[pymodule_export]
    use super::update::{SnapshotRefused, Update, validate};

    /// Version of the data plane; the package's too, since both come from one workspace.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// SHA-256 over the sources that this module was built from (`portazgo.native_build`), in hex.
    #[pymodule_export]
    const SOURCE_DIGEST: &str = env!("PORTAZGO_SOURCE_DIGEST");

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("FEATURES", portazgo_core::FEATURES.to_vec())
    }
}
