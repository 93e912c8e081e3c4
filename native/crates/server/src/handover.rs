//! Takes what a running node of the same folder hands to its successor: the listening sockets, whose queues survive, and
//! the folder's lock, which is held without a gap.
//!
//! The conversation around it is Python's (`portazgo.node.handover`); descriptors come over a connection of their own,
//! since only here can they be received as what they are.

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::fs::File;
use std::io::{self, IoSliceMut, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A running node answers at once, or not at all.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const ASK: &[u8] = b"{\"sockets\": 1}\n";

/// What a predecessor hands over.
pub(crate) struct Inherited {
    /// Where partners connect.
    pub(crate) gateway: TcpListener,
    /// Health and metrics.
    pub(crate) admin: TcpListener,
    /// Of the node's folder; both processes hold it until the last one ends.
    pub(crate) folder_lock: File,
}

/// Ask the node behind this Unix socket. `InvalidData`: it answered without the three descriptors.
pub(crate) fn receive(socket: &Path) -> io::Result<Inherited> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_TIME))?;
    stream.write_all(ASK)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut text = [0; 64];
    recvmsg(&stream, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut received: Vec<OwnedFd> = Vec::with_capacity(3);
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received.extend(descriptors);
        }
    }
    let [gateway, admin, lock] = <[OwnedFd; 3]>::try_from(received)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the running node handed over no sockets"))?;
    Ok(Inherited { gateway: gateway.into(), admin: admin.into(), folder_lock: lock.into() })
}
