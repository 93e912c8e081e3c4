//! To a target: its name's addresses, and the first of them that takes a connection.

mod names;
mod race;

use names::Names;
use portazgo_core::fault::Fault;
use portazgo_core::snapshot::{Place, Target};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// No more files for this process, or for this host (Linux).
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// A connection, nothing said on it yet.
pub(crate) enum Dialled {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// A data thread's way to targets.
#[derive(Default)]
pub(crate) struct Dialler {
    names: Names,
}

impl Dialler {
    /// A new connection. How long it may take is the caller's to bound; dropping the future gives up and leaks nothing.
    pub(crate) async fn connect(&self, target: &Target) -> Result<Dialled, Fault> {
        let (stream, address) = match &target.place {
            Place::Unix(path) => {
                return UnixStream::connect(path).await.map(Dialled::Unix).map_err(|error| connect_fault(&error));
            }
            Place::Tcp(host, port) => match host.parse::<IpAddr>() {
                Ok(address) => race::first_of(vec![SocketAddr::new(address, *port)]).await,
                Err(_) => self.by_name(host, *port, target.name_seconds).await?,
            },
        }
        .map_err(|error| connect_fault(&error))?;
        let _ = stream.set_nodelay(true);
        Ok(Dialled::Tcp(stream, address))
    }

    /// The outer error: the name has no address.
    async fn by_name(&self, host: &str, port: u16, seconds: u32) -> Result<io::Result<(TcpStream, SocketAddr)>, Fault> {
        let kept = Duration::from_secs(u64::from(seconds));
        let addresses = self.names.addresses(host, kept).await.map_err(|_| Fault::DnsFailure)?;
        let connected = race::first_of(addresses.iter().map(|&address| SocketAddr::new(address, port)).collect()).await;
        if connected.is_err() {
            // A backend that moved is found again at the next call, and not when its old address has had its time.
            self.names.doubt(host);
        }
        Ok(connected)
    }
}

fn connect_fault(error: &io::Error) -> Fault {
    // The target has no part in it: nobody may be left out for it.
    if let Some(EMFILE | ENFILE) = error.raw_os_error() {
        return Fault::FileDescriptorsExhausted;
    }
    match error.kind() {
        // A Unix socket that is not there: nobody listens.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Fault::ConnectRefused,
        io::ErrorKind::TimedOut => Fault::ConnectTimeout,
        _ => Fault::ConnectFailed,
    }
}
