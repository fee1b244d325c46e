//! The recipe as it was resolved.

use maud::{Markup, html};

use super::super::gathered::Gathered;
use pipeline_page::document::Section;
use pipeline_page::table::{Table, code, text};
use pipeline_recipe::ResolvedValue;

pub fn section(gathered: &Gathered) -> Section {
    let mut tables: Vec<(&str, Vec<&ResolvedValue>)> = Vec::new();
    for value in &gathered.resolved.values {
        match tables.last_mut() {
            Some((name, values)) if *name == value.table => values.push(value),
            _ => tables.push((&value.table, vec![value])),
        }
    }
    // Where the folder lies is no one else's business.
    let folder = match gathered.folder.as_os_str().is_empty() {
        true => String::new(),
        false => format!("{}/", gathered.folder.display()),
    };
    Section {
        id: "recipe",
        title: "Recipe",
        body: html! {
            p { "Every value as it runs, defaults included, and where it comes from." }
            @for (name, values) in tables { (table(name, &values, &folder)) }
        },
    }
}

fn table(name: &str, values: &[&ResolvedValue], folder: &str) -> Markup {
    let heading = if name.is_empty() { "top level" } else { name };
    let titles = ["key", "value", "from"];
    let mut table = Table::new(format!("Values of {heading}"), &titles, &[]);
    for value in values {
        table.push(vec![
            code(&value.key),
            code(value.value.to_string()),
            text(value.origin.replace(folder, "")),
        ]);
    }
    html! { h3 { (heading) } (table.render()) }
}
