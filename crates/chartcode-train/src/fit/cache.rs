//! Vectors of charts on disk, so that a run that was killed repeats cheaply.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::{FitError, Result};

/// Vectors by bundle and text: records of a key (hash and length of the text, u64 each) and H
/// numbers (f32), little-endian. A torn last record is cut off when the file is opened again.
#[derive(Debug)]
pub struct VectorCache {
    path: PathBuf,
    file: File,
    digest: String,
    vectors: HashMap<(u64, u64), Vec<f32>>,
}

impl VectorCache {
    /// Opens or begins the file of vectors of width `width` that the bundle of this digest makes.
    ///
    /// # Errors
    /// [`FitError::Cache`].
    pub fn open(path: &Path, digest: &str, width: usize) -> Result<Self> {
        let failed = |source| FitError::Cache { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let record = 16 + 4 * width;
        let mut vectors = HashMap::new();
        for record in bytes.chunks_exact(record) {
            let words: Vec<f32> =
                record[16..].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let keys = record[..16].as_chunks().0;
            vectors.insert((u64::from_le_bytes(keys[0]), u64::from_le_bytes(keys[1])), words);
        }
        let whole = (bytes.len() - bytes.len() % record) as u64;
        file.set_len(whole).map_err(failed)?;
        drop(file);
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, digest: digest.to_owned(), vectors })
    }

    /// Vectors that were there before this run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }

    /// The vector of a text: from the file, or computed and added to it.
    ///
    /// # Errors
    /// Those of `compute`; [`FitError::Cache`].
    pub fn get(
        &mut self,
        text: &str,
        compute: impl FnOnce() -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let mut hasher = DefaultHasher::new();
        (&self.digest, text).hash(&mut hasher);
        let key = (hasher.finish(), text.len() as u64);
        if let Some(vector) = self.vectors.get(&key) {
            return Ok(vector.clone());
        }
        let vector = compute()?;
        let mut record = Vec::with_capacity(16 + 4 * vector.len());
        record.extend(key.0.to_le_bytes());
        record.extend(key.1.to_le_bytes());
        record.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        let written = self.file.write_all(&record);
        written.map_err(|source| FitError::Cache { path: self.path.clone(), source })?;
        self.vectors.insert(key, vector.clone());
        Ok(vector)
    }

    /// Removes the file: the run is complete.
    ///
    /// # Errors
    /// [`FitError::Cache`].
    pub fn remove(self) -> Result<()> {
        drop(self.file);
        let removed = std::fs::remove_file(&self.path);
        removed.map_err(|source| FitError::Cache { path: self.path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_outlive_a_run_and_a_torn_record_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.part");
        let mut cache = VectorCache::open(&path, "d", 2).unwrap();
        cache.get("a", || Ok(vec![1.0, 2.0])).unwrap();
        cache.get("b", || Ok(vec![3.0, 4.0])).unwrap();
        drop(cache);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let mut cache = VectorCache::open(&path, "d", 2).unwrap();
        assert_eq!(cache.len(), 1);
        assert_eq!(cache.get("a", || panic!("it is there")).unwrap(), [1.0, 2.0]);
        assert_eq!(cache.get("b", || Ok(vec![5.0, 6.0])).unwrap(), [5.0, 6.0]);
        drop(cache);
        // Another bundle has other vectors.
        let mut other = VectorCache::open(&path, "e", 2).unwrap();
        assert_eq!(other.get("a", || Ok(vec![0.0, 0.0])).unwrap(), [0.0, 0.0]);
        other.remove().unwrap();
        assert!(!path.exists());
    }
}
