//! Networks in CIDR form, version 4 and 6, for allow-lists and trusted proxies.

use std::net::IpAddr;

/// One network. A version 4 address that arrives mapped into version 6 counts as version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Read `10.0.0.0/8` or `2001:db8::/32`; a bare address is a network of one. None when it is neither, or has host bits set.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), str::parse).ok()?;
        let network = Self { address, bits };
        (bits <= width && network.masked(address) == numeric(address)).then_some(network)
    }

    /// Whether the address lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && self.masked(address) == numeric(self.address)
    }

    fn masked(&self, address: IpAddr) -> u128 {
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let hidden = width - u32::from(self.bits);
        if hidden >= 128 { 0 } else { (numeric(address) >> hidden) << hidden }
    }
}

fn numeric(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_follows_the_prefix() {
        let network = Network::parse("10.1.0.0/16").unwrap();
        assert!(network.contains("10.1.255.3".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.0.1".parse().unwrap()));
        assert!(!network.contains("10.2.0.1".parse().unwrap()));
        assert!(!network.contains("::1".parse().unwrap()));
        assert!(Network::parse("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn host_bits_and_nonsense_are_refused() {
        for text in ["10.0.0.1/8", "10.0.0.0/33", "::/129", "ten", "10.0.0.0/", "/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
