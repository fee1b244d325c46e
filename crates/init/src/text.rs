//! Values as a recipe spells them.

/// A string of TOML. What would be taken for a reference, `${`, is escaped.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.replace("${", "$${")).to_string()
}

/// A list of strings.
pub fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(quoted).collect();
    format!("[{}]", quoted.join(", "))
}

/// A path below the folder of the data, as the recipe refers to it.
pub fn below_root(path: &str) -> String {
    match path {
        "" => "\"${vars.root}\"".into(),
        path => {
            let quoted = quoted(path);
            match quoted.strip_prefix('"') {
                Some(rest) => format!("\"${{vars.root}}/{rest}"),
                // A name with quotes or backslashes is written literally, in which references are found all the same.
                None => quoted.replacen('\'', "'${vars.root}/", 1),
            }
        }
    }
}

/// Words with commas, at most so many; the rest are counted.
pub fn some_of(words: &[String], most: usize) -> String {
    pipeline_data::names::first_of(words, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_back_as_they_were() {
        for text in ["a", "a b", "a\"b", "a\\b", "it's", "ü"] {
            let table: toml::Table = format!("x = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
            let table: toml::Table = format!("x = {}", below_root(text)).parse().unwrap();
            assert_eq!(
                table["x"].as_str(),
                Some(&*format!("${{vars.root}}/{text}"))
            );
        }
        assert_eq!(quoted("${x}"), "\"$${x}\"");
        assert_eq!(list(["a", "b"]), "[\"a\", \"b\"]");
        assert_eq!(below_root(""), "\"${vars.root}\"");
    }
}
