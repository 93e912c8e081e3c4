//! Embeds a digest of everything that the native module is built from, as `PORTAZGO_SOURCE_DIGEST`.
//!
//! `portazgo.native_build` computes the same digest over the source tree beside an editable installation and refuses to
//! start with a module that was built from something else. What is covered, and how, is written down there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let workspace = PathBuf::from(env("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let sources = sources(&workspace)?;
    println!("cargo:rustc-env=PORTAZGO_SOURCE_DIGEST={}", digest(&workspace, &sources)?);
    for watched in ["Cargo.toml", "Cargo.lock", "crates"] {
        // Cargo looks into a watched folder, so that new and deleted files count too.
        println!("cargo:rerun-if-changed={}", workspace.join(watched).display());
    }
    Ok(())
}

/// Paths relative to the workspace, with `/`, in the order of their bytes.
fn sources(workspace: &Path) -> io::Result<Vec<String>> {
    let mut sources = vec!["Cargo.lock".to_owned(), "Cargo.toml".to_owned()];
    for entry in fs::read_dir(workspace.join("crates"))? {
        let folder = entry?.path();
        for name in ["Cargo.toml", "build.rs"] {
            if folder.join(name).is_file() {
                sources.push(relative(workspace, &folder.join(name)));
            }
        }
        collect_rust(workspace, &folder.join("src"), &mut sources)?;
    }
    sources.sort_unstable();
    Ok(sources)
}

fn collect_rust(workspace: &Path, folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_rust(workspace, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(relative(workspace, &path));
        }
    }
    Ok(())
}

fn digest(workspace: &Path, sources: &[String]) -> io::Result<String> {
    let mut total = Sha256::new();
    for source in sources {
        let content = Sha256::digest(fs::read(workspace.join(source))?);
        total.update(format!("{}  {source}\n", hexadecimal(&content)));
    }
    Ok(hexadecimal(&total.finalize()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn relative(workspace: &Path, path: &Path) -> String {
    let below = path.strip_prefix(workspace).expect("sources lie in the workspace");
    below.to_str().expect("names of sources are ASCII").replace('\\', "/")
}

fn env(name: &str) -> String {
    std::env::var(name).expect("cargo sets it for build scripts")
}
