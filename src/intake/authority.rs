//! From nothing to certificates: the sensor's own authority, its server, its agents.
//!
//! Made once, in the intake's folder; who has that folder is the authority. Certificates are ECDSA
//! P-256 (FIPS 186-5) in X.509 (RFC 5280). Keeps nothing in memory beyond what is asked for.

use super::private::{make_dir, random, write};
use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The authority's name in its certificate.
const AUTHORITY: &str = "Tapir agents";
/// How long the authority's and the server's certificates hold.
const AUTHORITY_DAYS: u64 = 3650;
/// No clock is further behind.
const LEEWAY: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The authority.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    certificate: String,
    key: String,
}

/// What an agent is given.
#[derive(Debug)]
pub struct Identity {
    /// Certificate and private key, then the authority's certificate, as PEM.
    pub pem: String,
    /// The certificate's serial number, in hexadecimal.
    pub serial: String,
}

impl Authority {
    /// Opens the authority in `dir`, or makes one.
    ///
    /// # Errors
    /// A folder or a file that cannot be read or written.
    pub fn open(dir: &Path) -> anyhow::Result<Authority> {
        make_dir(dir)?;
        let path = dir.join("ca.pem");
        if !path.exists() {
            let key = KeyPair::generate()?;
            let mut params = params(AUTHORITY, AUTHORITY_DAYS)?;
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let certificate = params.self_signed(&key)?;
            write(&dir.join("ca.key"), key.serialize_pem().as_bytes())?;
            write(&path, certificate.pem().as_bytes())?;
        }
        Ok(Authority {
            dir: dir.to_owned(),
            certificate: read(&path)?,
            key: read(&dir.join("ca.key"))?,
        })
    }

    /// The authority's certificate, as PEM: what agents check the sensor by.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate with which the agent `name` shows who it is.
    ///
    /// # Errors
    /// A name that no certificate can hold.
    pub fn identity(&self, name: &str, days: u64) -> anyhow::Result<Identity> {
        let mut params = params(name, days)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let serial = params.serial_number.as_ref().map(SerialNumber::to_bytes);
        let pem = self.sign(params)?;
        Ok(Identity {
            pem: pem + &self.certificate,
            serial: hex(&serial.unwrap_or_default()),
        })
    }

    /// What the listener shows to agents, which know it by `names`, and asks of them.
    ///
    /// # Errors
    /// A file that cannot be read or written, or holds no certificate.
    pub fn server_config(
        &self,
        names: &[String],
        require_certificate: bool,
    ) -> anyhow::Result<ServerConfig> {
        let path = self.dir.join("server.pem");
        let known = fs::read_to_string(self.dir.join("server.names")).unwrap_or_default();
        let wanted = names.join("\n");
        if !path.exists() || known != wanted {
            let mut params = params(
                names.first().map_or("tapir", String::as_str),
                AUTHORITY_DAYS,
            )?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let local = [
                "localhost".to_owned(),
                "127.0.0.1".to_owned(),
                "::1".to_owned(),
            ];
            for name in names.iter().chain(&local) {
                let name = match name.parse::<IpAddr>() {
                    Ok(addr) => rcgen::SanType::IpAddress(addr),
                    Err(_) => rcgen::SanType::DnsName(name.as_str().try_into()?),
                };
                params.subject_alt_names.push(name);
            }
            write(&path, self.sign(params)?.as_bytes())?;
            write(&self.dir.join("server.names"), wanted.as_bytes())?;
        }
        let pem = read(&path)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes())?)?;
        let provider = Arc::new(default_provider());
        let mut verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        if !require_certificate {
            verifier = verifier.allow_unauthenticated();
        }
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier.build()?)
            .with_single_cert(
                certificates.collect::<Result<_, _>>()?,
                PrivateKeyDer::from_pem_slice(pem.as_bytes())?,
            )
            .with_context(|| format!("{}: remove it, and it is made anew", path.display()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Certificate and key, as PEM.
    fn sign(&self, params: CertificateParams) -> anyhow::Result<String> {
        let key = KeyPair::generate()?;
        let authority = self::params(AUTHORITY, AUTHORITY_DAYS)?;
        let issuer = Issuer::from_params(
            &authority,
            KeyPair::from_pem(&self.key)
                .with_context(|| format!("{}: holds no key", self.dir.join("ca.key").display()))?,
        );
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(certificate.pem() + &key.serialize_pem())
    }
}

fn params(name: &str, days: u64) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - LEEWAY).into();
    params.not_after = (now + DAY * u32::try_from(days).unwrap_or(u32::MAX)).into();
    let mut serial = random::<16>()?;
    // A positive number whose length is fixed (RFC 5280, section 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// Name and serial number in a client's certificate.
pub(super) fn who(certificate: &CertificateDer<'_>) -> Option<(String, String)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?.as_str().ok()?;
    Some((name.to_owned(), hex(parsed.raw_serial())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
