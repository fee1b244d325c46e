//! Values as a recipe spells them.

use pipeline_error::pasted::toml_string;

/// A list of strings.
pub fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let strings: Vec<String> = texts.into_iter().map(toml_string).collect();
    format!("[{}]", strings.join(", "))
}

/// A path below the folder of the data, as the recipe refers to it.
pub fn below_root(path: &str) -> String {
    match path {
        "" => "\"${vars.root}\"".into(),
        path => format!("\"${{vars.root}}/{}", &toml_string(path)[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_back_as_they_were() {
        for text in ["a", "a b", "a\"b", "a\\b", "it's", "ü"] {
            let table: toml::Table = format!("x = {}", toml_string(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
            let table: toml::Table = format!("x = {}", below_root(text)).parse().unwrap();
            assert_eq!(
                table["x"].as_str(),
                Some(&*format!("${{vars.root}}/{text}"))
            );
        }
        assert_eq!(list(["a", "b"]), "[\"a\", \"b\"]");
        assert_eq!(below_root(""), "\"${vars.root}\"");
    }
}
