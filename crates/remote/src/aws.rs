//! Endpoint, region and credentials, where AWS's tools look for them. None of them is recorded anywhere.

use std::path::{Path, PathBuf};

use rusty_s3::{Credentials, UrlStyle};

use super::ini::Ini;
use pipeline_error::Error;

/// The region of who states none.
const USUAL_REGION: &str = "us-east-1";

/// A variable of the environment.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a bucket is asked.
pub(crate) struct Access {
    pub endpoint: String,
    pub region: String,
    pub style: UrlStyle,
    pub credentials: Credentials,
}

/// The files of AWS's tools, and the profile that counts in them.
struct Profile {
    name: String,
    config: Ini,
    credentials: Ini,
    looked_in: [PathBuf; 2],
}

impl Access {
    /// Finds out how `bucket` is asked; that nobody says who asks is an error.
    pub(crate) fn find(bucket: &str, variables: Variables) -> Result<Self, Error> {
        // An empty one is as none.
        let variables = &|name: &str| variables(name).filter(|value| !value.is_empty());
        let profile = Profile::read(variables)?;
        let region = variables("AWS_REGION")
            .or_else(|| variables("AWS_DEFAULT_REGION"))
            .or_else(|| profile.setting("region"))
            .unwrap_or_else(|| USUAL_REGION.into());
        let stated = profile.endpoint(variables);
        let style = match profile.setting("s3.addressing_style").as_deref() {
            Some("path") => UrlStyle::Path,
            Some("virtual") => UrlStyle::VirtualHost,
            // As those tools do: a name with dots has no certificate, and another server seldom has a name a bucket.
            _ if stated.is_some() || !fits_host(bucket) => UrlStyle::Path,
            _ => UrlStyle::VirtualHost,
        };
        let domain = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        Ok(Self {
            endpoint: stated.unwrap_or_else(|| format!("https://s3.{region}.{domain}")),
            region,
            style,
            credentials: profile.who(variables)?,
        })
    }
}

fn fits_host(bucket: &str) -> bool {
    let fits =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    bucket.chars().all(fits)
}

impl Profile {
    fn read(variables: Variables) -> Result<Self, Error> {
        let home = variables("HOME").map(PathBuf::from).unwrap_or_default();
        let place = |variable: &str, usual: &str| match variables(variable) {
            Some(path) => PathBuf::from(path),
            None => home.join(usual),
        };
        let config = place("AWS_CONFIG_FILE", ".aws/config");
        let credentials = place("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
        let read = |path: &Path| match std::fs::read_to_string(path) {
            Ok(text) => Ini::parse(&text),
            Err(_) => Ini::default(),
        };
        let stated = variables("AWS_PROFILE").or_else(|| variables("AWS_DEFAULT_PROFILE"));
        let profile = Self {
            name: stated.clone().unwrap_or_else(|| "default".into()),
            config: read(&config),
            credentials: read(&credentials),
            looked_in: [credentials, config],
        };
        let is_there =
            profile.config.has(&profile.section()) || profile.credentials.has(&profile.name);
        match stated {
            Some(name) if !is_there => Err(Error::Usage {
                message: format!("the profile `{name}` (AWS_PROFILE) is in neither {}", {
                    let [one, other] = profile.looked_in.each_ref().map(|path| path.display());
                    format!("{one} nor {other}")
                }),
                hint: Some("`aws configure list-profiles` lists the profiles".into()),
            }),
            _ => Ok(profile),
        }
    }

    /// What the profile is called in the file `config`.
    fn section(&self) -> String {
        match self.name.as_str() {
            "default" => self.name.clone(),
            name => format!("profile {name}"),
        }
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.config.get(&self.section(), key).map(str::to_string)
    }

    fn endpoint(&self, variables: Variables) -> Option<String> {
        if variables("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|text| text == "true") {
            return None;
        }
        let of_services = || {
            let services = format!("services {}", self.setting("services")?);
            self.config
                .get(&services, "s3.endpoint_url")
                .map(str::to_string)
        };
        variables("AWS_ENDPOINT_URL_S3")
            .or_else(|| variables("AWS_ENDPOINT_URL"))
            .or_else(of_services)
            .or_else(|| self.setting("endpoint_url"))
    }

    fn who(&self, variables: Variables) -> Result<Credentials, Error> {
        if let Some(found) = whole(variables) {
            return Ok(found);
        }
        let section = self.section();
        let files = [
            (&self.credentials, self.name.as_str()),
            (&self.config, &section),
        ];
        for (file, section) in files {
            let value = |name: &str| file.get(section, &name.to_lowercase()).map(str::to_string);
            if let Some(found) = whole(&value) {
                return Ok(found);
            }
        }
        let [credentials, config] = &self.looked_in;
        let message = format!(
            "no credentials for the bucket: neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, nor the profile `{}` in {} \
             or {}, has any",
            self.name,
            credentials.display(),
            config.display()
        );
        Err(Error::Usage {
            message,
            hint: Some(
                "of single sign-on, roles and programs: `eval \"$(aws configure export-credentials --format env)\"` puts \
                 credentials where they are found"
                    .into(),
            ),
        })
    }
}

/// A key and its secret, where both are known.
fn whole(value: Variables) -> Option<Credentials> {
    let (key, secret) = (value("AWS_ACCESS_KEY_ID")?, value("AWS_SECRET_ACCESS_KEY")?);
    Some(match value("AWS_SESSION_TOKEN") {
        Some(token) => Credentials::new_with_token(key, secret, token),
        None => Credentials::new(key, secret),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of a user, and what is found with these variables.
    fn found(config: &str, credentials: &str, stated: &[(&str, &str)]) -> Result<Access, Error> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/config"), config).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
        let folder = home.path().display().to_string();
        Access::find("bucket", &|name| match name {
            "HOME" => Some(folder.clone()),
            _ => {
                let found = stated.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_string())
            }
        })
    }

    const KEYS: &str = "[default]\naws_access_key_id = A\naws_secret_access_key = s\n\
        [icu]\naws_access_key_id = I\naws_secret_access_key = i\naws_session_token = t\n";
    const CONFIG: &str = "[default]\nregion = eu-central-1\n\
        [profile icu]\nregion = us-west-2\nendpoint_url = https://minio.example.org\ns3 =\n  addressing_style = virtual\n\
        [profile served]\nservices = local\naws_access_key_id = C\naws_secret_access_key = c\n\
        [services local]\ns3 =\n  endpoint_url = http://127.0.0.1:9000\n";

    #[test]
    fn the_environment_comes_before_the_files_and_a_profile_has_its_own() {
        let usual = found(CONFIG, KEYS, &[]).unwrap();
        assert_eq!(usual.endpoint, "https://s3.eu-central-1.amazonaws.com");
        assert!(matches!(usual.style, UrlStyle::VirtualHost));
        assert_eq!(usual.credentials.key(), "A");
        let icu = found(CONFIG, KEYS, &[("AWS_PROFILE", "icu")]).unwrap();
        assert_eq!(icu.endpoint, "https://minio.example.org");
        assert_eq!(icu.region, "us-west-2");
        assert!(matches!(icu.style, UrlStyle::VirtualHost));
        assert_eq!(icu.credentials.token(), Some("t"));
        let served = found(CONFIG, KEYS, &[("AWS_PROFILE", "served")]).unwrap();
        assert_eq!(served.endpoint, "http://127.0.0.1:9000");
        assert!(matches!(served.style, UrlStyle::Path));
        assert_eq!(served.credentials.secret(), "c");
        let stated = [
            ("AWS_ACCESS_KEY_ID", "E"),
            ("AWS_SECRET_ACCESS_KEY", "e"),
            ("AWS_REGION", "cn-north-1"),
            ("AWS_SESSION_TOKEN", ""),
        ];
        let stated = found(CONFIG, KEYS, &stated).unwrap();
        assert_eq!(stated.credentials.key(), "E");
        assert_eq!(stated.credentials.token(), None);
        assert_eq!(stated.endpoint, "https://s3.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn who_has_no_credentials_or_no_such_profile_is_told_where_they_were_looked_for() {
        let error = found(CONFIG, "", &[]).err().unwrap().to_string();
        assert!(
            error.contains("AWS_ACCESS_KEY_ID") && error.contains(".aws/credentials"),
            "{error}"
        );
        let error = found(CONFIG, KEYS, &[("AWS_PROFILE", "other")])
            .err()
            .unwrap();
        assert!(error.to_string().contains("`other`"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
