//! The node's id: made once, kept in its folder. The label is only a name; two nodes may have the same.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use portazgo_core::ids::Id;
use portazgo_core::time::WallTime;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const FILE: &str = "node.json";

/// The id in the folder, made if there is none.
pub(crate) fn node_id(folder: &Path, now: WallTime) -> io::Result<Id> {
    fs::create_dir_all(folder)?;
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).ok_or_else(|| {
            let why = format!("{} holds no node id; restore it, or remove it to begin a new node", path.display());
            io::Error::new(io::ErrorKind::InvalidData, why)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path, now),
        Err(error) => Err(error),
    }
}

fn parse(text: &str) -> Option<Id> {
    let document: serde_json::Value = serde_json::from_str(text).ok()?;
    Id::parse(document.get("node")?.as_str()?)
}

fn create(path: &Path, now: WallTime) -> io::Result<Id> {
    let id = new_id(now);
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    writeln!(file, "{}", serde_json::json!({ "node": id.to_string() }))?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    Ok(id)
}

/// A `UUIDv7` of this moment.
pub(crate) fn new_id(now: WallTime) -> Id {
    let mut random = [0; 10];
    SystemRandom::new().fill(&mut random).expect("the system's random source answers");
    Id::version_7((now.0 / 1000).max(0) as u64, random)
}
