//! Results that many tests begin with: made once, and put into the store of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::Test;

const STORE: &str = ".pipeline";

/// Files of a store by their paths in it, with their permissions. In memory, as statics never remove their folders.
type Store = Vec<(PathBuf, Vec<u8>, fs::Permissions)>;

/// A command line and the recipe of its folder.
type Key = (Vec<String>, Option<Vec<u8>>);

pub fn put(test: &Test, args: Vec<String>) {
    static STORES: Mutex<BTreeMap<Key, Arc<OnceLock<Store>>>> = Mutex::new(BTreeMap::new());
    let recipe = fs::read(test.folder().join("recipe.toml")).ok();
    let key = (args.clone(), recipe.clone());
    let mut stores = STORES.lock().expect("nobody panics with it");
    let store = stores.entry(key).or_default().clone();
    // Others may ask while this one is made.
    drop(stores);
    for (path, bytes, permissions) in store.get_or_init(|| made(args, recipe)) {
        let path = test.folder().join(STORE).join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file can be written");
        fs::set_permissions(&path, permissions.clone()).expect("permissions can be set");
    }
}

fn made(args: Vec<String>, recipe: Option<Vec<u8>>) -> Store {
    let mut test = Test::new();
    if let Some(recipe) = recipe {
        test = test.file("recipe.toml", recipe);
    }
    test.run_with(args).success();
    let root = test.folder().join(STORE);
    let mut files = Vec::new();
    // Runs and unfinished work are of the run itself.
    for part in ["CACHEDIR.TAG", "format", "actions", "blobs"] {
        collect(&root, &root.join(part), &mut files);
    }
    files
}

fn collect(root: &Path, path: &Path, files: &mut Store) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            collect(root, &entry.expect("an entry").path(), files);
        }
        return;
    }
    let bytes = fs::read(path).expect("a file of the store");
    let permissions = fs::metadata(path).expect("it is there").permissions();
    let name = path.strip_prefix(root).expect("a file in the store");
    files.push((name.to_path_buf(), bytes, permissions));
}
