//! The files that TLS reads when a client is made. librdkafka never looks at them again, and certificates expire.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

const SETTINGS: &[&str] =
    &["ssl.ca.location", "ssl.certificate.location", "ssl.crl.location", "ssl.key.location", "ssl.keystore.location"];

/// The files of one client, as they were when it was made.
#[derive(Debug)]
pub struct CertificateFiles(Vec<(PathBuf, Option<SystemTime>)>);

impl CertificateFiles {
    /// Looks at the files that the settings name.
    pub fn of(settings: &BTreeMap<String, String>) -> Self {
        let paths = SETTINGS.iter().filter_map(|name| settings.get(*name)).map(PathBuf::from);
        Self(paths.map(|path| (path.clone(), written_at(&path))).collect())
    }

    /// Whether somebody wrote one of them meanwhile, or led its name to another file.
    pub fn have_changed(&self) -> bool {
        self.0.iter().any(|(path, before)| written_at(path) != *before)
    }
}

fn written_at(path: &PathBuf) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_or_goes_is_seen() {
        let path = std::env::temp_dir().join(format!("karafka_certificate_{}", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let settings = BTreeMap::from([("ssl.certificate.location".to_string(), path.display().to_string())]);
        let files = CertificateFiles::of(&settings);
        assert!(!files.have_changed());
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(files.have_changed());
        std::fs::remove_file(&path).unwrap();
        assert!(files.have_changed());
        assert!(!CertificateFiles::of(&settings).have_changed());
    }
}
