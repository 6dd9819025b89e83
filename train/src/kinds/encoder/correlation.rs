//! Correlations of predicted and true numbers.

/// Pearson's correlation coefficient, from -1 to 1; 0 where it is undefined, because all numbers of
/// a side are equal.
pub(super) fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        both += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    let norm = of_a.sqrt() * of_b.sqrt();
    if norm > 0.0 {
        (both / norm).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

/// Spearman's rank correlation: [`pearson`] of the ranks, where equal numbers share the mean of
/// theirs.
pub(super) fn spearman(a: &[f64], b: &[f64]) -> f64 {
    pearson(&ranks(a), &ranks(b))
}

fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&i, &j| numbers[i].total_cmp(&numbers[j]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut start = 0;
    for equal in order.chunk_by(|&i, &j| numbers[i] == numbers[j]) {
        let mean = start as f64 + (equal.len() - 1) as f64 / 2.0;
        for &index in equal {
            ranks[index] = mean;
        }
        start += equal.len();
    }
    ranks
}

/// Reference values are SciPy's.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_scipys() {
        let a = [0.5, 2.0, 2.0, 4.25, 3.0, -1.0];
        let b = [1.0, 2.5, 2.0, 5.0, 2.0, 0.0];
        assert!((pearson(&a, &b) - PEARSON).abs() < 1e-12);
        assert!((spearman(&a, &b) - SPEARMAN).abs() < 1e-12);
        assert_eq!(pearson(&a, &[2.0; 6]), 0.0);
        assert_eq!(spearman(&a, &a), 1.0);
    }

    const PEARSON: f64 = 0.9221842331853501;
    const SPEARMAN: f64 = 0.8676470588235294;
}
