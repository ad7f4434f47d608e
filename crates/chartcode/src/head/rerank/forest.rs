//! Boosted regression trees (Friedman 2001), as `LightGBM` writes them.

use crate::bundle::weights::Weights;
use crate::error::{Error, Result};

/// What the keys of the tensors that are read here end with.
const PARTS: [&str; 6] = ["roots", "feature", "threshold", "left", "right", "value"];

/// Marks a leaf among the features.
const LEAF: u32 = u32::MAX;

/// A sum of trees. Nodes of all trees are in one list, a tree's children behind their parent.
#[derive(Debug)]
pub(super) struct Forest {
    roots: Vec<u32>,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    feature: u32,
    /// A row whose feature is at most this goes left.
    threshold: f32,
    left: u32,
    right: u32,
    /// What a leaf adds to the logit.
    value: f32,
}

impl Forest {
    /// Reads the trees of this name; they may look at features `0..features`.
    pub(super) fn load(weights: &Weights, name: &str, features: usize) -> Result<Self> {
        let keys = PARTS.map(|part| format!("{name}.{part}"));
        weights.require(keys.iter().map(String::as_str))?;
        let [roots, feature, threshold, left, right, value] = &keys;
        let length = |key| weights.shape(key).and_then(|shape| shape.first()).copied().unwrap_or(0);
        let count = length(feature);
        let indices = |key| weights.indices(key, count);
        let floats = |key| weights.floats(key, &[count]);
        let roots = weights.indices(roots, length(roots))?;
        let (feature, left, right) = (indices(feature)?, indices(left)?, indices(right)?);
        let (threshold, value) = (floats(threshold)?, floats(value)?);
        let nodes = (0..feature.len())
            .map(|n| Node {
                feature: feature[n],
                threshold: threshold[n],
                left: left[n],
                right: right[n],
                value: value[n],
            })
            .collect();
        let forest = Self { roots, nodes };
        match forest.contradiction(features) {
            None => Ok(forest),
            Some(problem) => Err(Error::Inconsistent { path: weights.path().to_owned(), problem }),
        }
    }

    /// What the tensors' shapes alone do not rule out; a walk down a tree must end.
    fn contradiction(&self, features: usize) -> Option<String> {
        let count = self.nodes.len();
        if let Some(root) = self.roots.iter().find(|&&root| root as usize >= count) {
            return Some(format!("a tree's root is node {root} of {count}"));
        }
        self.nodes.iter().enumerate().find_map(|(n, node)| {
            if node.feature == LEAF {
                return None;
            }
            if node.feature as usize >= features {
                return Some(format!("a split names feature {} of {features}", node.feature));
            }
            let behind = |child: u32| child as usize > n && (child as usize) < count;
            (!behind(node.left) || !behind(node.right))
                .then(|| format!("the children of node {n} must be behind it"))
        })
    }

    /// The sum over all trees for one row of features.
    pub(super) fn logit(&self, row: &[f32]) -> f32 {
        self.roots.iter().map(|&root| f64::from(self.leaf(root, row))).sum::<f64>() as f32
    }

    fn leaf(&self, root: u32, row: &[f32]) -> f32 {
        let mut node = self.nodes[root as usize];
        while node.feature != LEAF {
            let left = row[node.feature as usize] <= node.threshold;
            node = self.nodes[if left { node.left } else { node.right } as usize];
        }
        node.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(value: f32) -> Node {
        Node { feature: LEAF, threshold: 0.0, left: 0, right: 0, value }
    }

    fn split(feature: u32, threshold: f32, left: u32, right: u32) -> Node {
        Node { feature, threshold, left, right, value: 0.0 }
    }

    /// x0 ≤ 0.5 ? 1 : (x1 ≤ 2 ? 10 : 100), and a tree of one leaf.
    fn forest() -> Forest {
        let nodes = vec![
            split(0, 0.5, 1, 2),
            leaf(1.0),
            split(1, 2.0, 3, 4),
            leaf(10.0),
            leaf(100.0),
            leaf(-0.25),
        ];
        Forest { roots: vec![0, 5], nodes }
    }

    #[test]
    fn a_row_goes_left_where_it_is_not_above_the_threshold() {
        let forest = forest();
        assert_eq!(forest.logit(&[0.5, 9.0]), 0.75);
        assert_eq!(forest.logit(&[0.6, 2.0]), 9.75);
        assert_eq!(forest.logit(&[0.6, 2.1]), 99.75);
    }

    #[test]
    fn a_walk_that_would_not_end_is_refused() {
        assert_eq!(forest().contradiction(2), None);
        assert!(forest().contradiction(1).unwrap().contains("feature 1 of 1"));
        let mut circle = forest();
        circle.nodes[2].left = 0;
        assert!(circle.contradiction(2).unwrap().contains("node 2"));
        let mut outside = forest();
        outside.nodes[0].right = 6;
        assert!(outside.contradiction(2).unwrap().contains("node 0"));
        let mut rootless = forest();
        rootless.roots.push(6);
        assert!(rootless.contradiction(2).unwrap().contains("node 6 of 6"));
    }
}
