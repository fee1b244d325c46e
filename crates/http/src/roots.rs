//! Whose certificates are believed.

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use pipeline_error::Error;

type Config = ConfigBuilder<AgentScope>;

/// Files with the authorities that are believed alone: as AWS's tools and OpenSSL have it.
#[cfg(feature = "tls")]
const VARIABLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

#[cfg(feature = "tls")]
pub(crate) fn trusted(config: Config) -> Result<Config, Error> {
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

    let stated = VARIABLES.iter().find_map(|name| {
        let path = std::env::var_os(name).filter(|path| !path.is_empty())?;
        Some((name, std::path::PathBuf::from(path)))
    });
    let Some((name, path)) = stated else {
        return Ok(config);
    };
    let refused = |what: String| Error::Usage {
        message: format!("{}: {what}", path.display()),
        hint: Some(format!("{name} names a file of certificates in PEM")),
    };
    let text = std::fs::read(&path).map_err(|error| refused(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(found) = item.map_err(|error| refused(error.to_string()))? {
            certificates.push(found);
        }
    }
    if certificates.is_empty() {
        return Err(refused("holds no certificate".into()));
    }
    let tls = TlsConfig::builder().root_certs(RootCerts::from(certificates));
    Ok(config.tls_config(tls.build()))
}

#[cfg(not(feature = "tls"))]
#[allow(clippy::unnecessary_wraps, reason = "as with the feature")]
pub(crate) fn trusted(config: Config) -> Result<Config, Error> {
    Ok(config)
}
