//! Part of accept: the load balancer's header, where the listener requires one.

use crate::thread::Thread;
use portazgo_core::fault::Fault;
use portazgo_core::framing::proxy_protocol::{Preamble, judge};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// A balancer writes the header with its first packet.
const TIME: Duration = Duration::from_secs(1);

/// Read the header, no byte more. Returns who connected to the balancer; the peer itself where the balancer speaks for itself.
pub(crate) async fn client(thread: &Thread, stream: &mut TcpStream, peer: SocketAddr) -> Result<SocketAddr, Fault> {
    // Whoever is not listed could claim to be anybody.
    if !thread.shared.trusts(peer.ip()) {
        return Err(Fault::ProxyProtocolInvalid);
    }
    let header = tokio::time::timeout(TIME, read(stream)).await.map_err(|_| Fault::ProxyProtocolInvalid)??;
    Ok(header.unwrap_or(peer))
}

async fn read(stream: &mut TcpStream) -> Result<Option<SocketAddr>, Fault> {
    let mut header = Vec::new();
    loop {
        match judge(&header)? {
            Preamble::Complete { source } => return Ok(source),
            Preamble::Needs(more) => {
                let known = header.len();
                header.resize(known + more, 0);
                stream.read_exact(&mut header[known..]).await.map_err(|_| Fault::ProxyProtocolInvalid)?;
            }
        }
    }
}
