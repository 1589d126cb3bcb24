//! Files that are moved or deleted under whoever writes to them.

use std::fs;
use std::path::Path;

use chat_store::{Retention, Stores, open};
use tempfile::TempDir;

use super::{said, url_of};

fn opened(path: &Path) -> Stores {
    open(&url_of(path), false, Retention::default()).unwrap().stores
}

fn refused(stores: &mut Stores, seq: u64, why: &str) {
    let error = stores.writer.write(&[said(seq)]).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn what_was_moved_is_noticed_and_goes_on_when_it_is_back() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("data");
    let path = home.join("history.db");
    let mut stores = opened(&path);
    stores.writer.write(&[said(1)]).unwrap();
    // The folder, the file, its log.
    for (what, away) in [
        (home.clone(), folder.path().join("away")),
        (path.clone(), home.join("away.db")),
        (home.join("history.db-wal"), home.join("away.db-wal")),
    ] {
        fs::rename(&what, &away).unwrap();
        refused(&mut stores, 2, "was moved or deleted");
        assert!(stores.writer.renew().is_err(), "it is noticed when nobody writes, too");
        fs::rename(&away, &what).unwrap();
    }
    stores.writer.write(&[said(2)]).unwrap();
    stores.writer.renew().unwrap();
    drop(stores);
    assert_eq!(opened(&path).writer.rooms("").unwrap()[0].seq, 2);
}

#[test]
fn what_was_replaced_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data/history.db");
    let mut stores = opened(&path);
    stores.writer.write(&[said(1)]).unwrap();
    fs::rename(folder.path().join("data"), folder.path().join("old")).unwrap();
    let mut others = opened(&path);
    refused(&mut stores, 2, "is another file than the one");
    others.writer.write(&[said(1)]).unwrap();
    drop((stores, others));
    assert_eq!(opened(&path).writer.rooms("").unwrap()[0].seq, 1);
}

#[test]
fn a_log_that_was_deleted_costs_nothing_that_was_stored() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let mut stores = opened(&path);
    stores.writer.write(&[said(1)]).unwrap();
    fs::remove_file(folder.path().join("history.db-wal")).unwrap();
    refused(&mut stores, 2, "was moved or deleted");
    drop(stores);
    assert_eq!(opened(&path).writer.rooms("").unwrap()[0].seq, 1);
}
