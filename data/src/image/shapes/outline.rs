//! Outlines as approximate signed distance functions: negative inside, positive outside. Each fits
//! into the unit circle, with x to the right and y down.

use super::Point;

/// Signed distance from a point to an outline.
pub(super) type Outline = fn(Point) -> f32;

/// Name and outline of every class, indexed by label.
pub(super) const OUTLINES: [(&str, Outline); 10] = [
    ("circle", circle),
    ("square", square),
    ("triangle", triangle),
    ("star", star),
    ("cross", cross),
    ("ring", ring),
    ("crescent", crescent),
    ("heart", heart),
    ("hourglass", hourglass),
    ("arrow", arrow),
];

/// Sine of 60 degrees.
const SIN_60: f32 = 0.866_025_4;

fn length([x, y]: Point) -> f32 {
    (x * x + y * y).sqrt()
}

fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

/// Distance to the line segment from `from` to `to`.
pub(super) fn segment(at: Point, from: Point, to: Point) -> f32 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let way = [at[0] - from[0], at[1] - from[1]];
    let share = (dot(way, along) / dot(along, along).max(1e-6)).clamp(0.0, 1.0);
    length([way[0] - along[0] * share, way[1] - along[1] * share])
}

fn circle(p: Point) -> f32 {
    length(p) - 0.88
}

fn square([x, y]: Point) -> f32 {
    x.abs().max(y.abs()) - 0.71
}

fn triangle([x, y]: Point) -> f32 {
    (SIN_60 * x.abs() - 0.5 * y).max(y) - 0.5
}

/// Five-pointed star. The plane is folded until one edge is left (after Inigo Quilez's `sdStar5`).
fn star([x, y]: Point) -> f32 {
    const INNER: f32 = 0.42;
    const COS_36: f32 = 0.809_017;
    const SIN_36: f32 = 0.587_785_25;
    let fold = |p: Point, axis: Point| {
        let beyond = 2.0 * dot(axis, p).max(0.0);
        [p[0] - beyond * axis[0], p[1] - beyond * axis[1]]
    };
    let p = fold([x.abs(), y], [COS_36, -SIN_36]);
    let p = fold(p, [-COS_36, -SIN_36]);
    let p = [p[0].abs(), p[1] - 1.0];
    let edge = [INNER * SIN_36, INNER * COS_36 - 1.0];
    let share = (dot(p, edge) / dot(edge, edge)).clamp(0.0, 1.0);
    let distance = length([p[0] - edge[0] * share, p[1] - edge[1] * share]);
    if p[1] * edge[0] > p[0] * edge[1] {
        distance
    } else {
        -distance
    }
}

fn cross([x, y]: Point) -> f32 {
    let (x, y) = (x.abs(), y.abs());
    let bar = |long: f32, wide: f32| (long - 0.95).max(wide - 0.27);
    bar(x, y).min(bar(y, x))
}

fn ring(p: Point) -> f32 {
    (length(p) - 0.72).abs() - 0.2
}

fn crescent([x, y]: Point) -> f32 {
    (length([x, y]) - 0.95).max(0.72 - length([x - 0.48, y]))
}

/// A square on its corner with a half circle on each upper side.
fn heart([x, y]: Point) -> f32 {
    const SQRT_HALF: f32 = 0.707_106_77;
    let x = x.abs();
    let square = (x + (y - 0.1).abs() - 0.78) * SQRT_HALF;
    let lobe = length([x - 0.39, y + 0.29]) - 0.78 * SQRT_HALF;
    square.min(lobe)
}

/// Two triangles that meet in a narrow waist.
fn hourglass([x, y]: Point) -> f32 {
    let (x, y) = (x.abs(), y.abs());
    (0.74 * x - 0.67 * y - 0.05).max(y - 0.7)
}

fn arrow([x, y]: Point) -> f32 {
    let x = x.abs();
    let shaft = (x - 0.2).max((y - 0.42).abs() - 0.52);
    let head = (0.8 * x - 0.6 * (y + 0.95)).max(y);
    shaft.min(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(outline: fn(Point) -> f32) -> f32 {
        let inside = grid().filter(|&p| outline(p) < 0.0).count();
        inside as f32 / 10_000.0
    }

    fn grid() -> impl Iterator<Item = Point> {
        (0..100).flat_map(|y| (0..100).map(move |x| [x, y].map(|i| (i as f32 + 0.5) / 50.0 - 1.0)))
    }

    #[test]
    fn every_outline_fits_into_the_unit_circle_and_is_not_empty() {
        for (name, outline) in OUTLINES {
            let beyond = grid()
                .filter(|&p| length(p) > 1.06 && outline(p) < 0.0)
                .count();
            assert_eq!(beyond, 0, "{name} sticks out");
            assert!(area(outline) > 0.15, "{name} has area {}", area(outline));
        }
    }

    #[test]
    fn a_star_has_points_and_notches() {
        assert!(star([0.0, 0.0]) < 0.0);
        assert!(star([0.0, 0.95]) < 0.0 && star([0.0, 1.05]) > 0.0);
        assert!(star([0.0, -0.38]) < 0.0 && star([0.0, -0.46]) > 0.0);
    }

    #[test]
    fn a_segment_contains_its_ends_and_middle() {
        let distance = |at| segment(at, [-1.0, 0.0], [1.0, 0.0]);
        assert!((distance([0.3, 0.5]) - 0.5).abs() < 1e-6);
        assert!((distance([2.0, 0.0]) - 1.0).abs() < 1e-6);
        assert!(segment([3.0, 4.0], [0.0, 0.0], [0.0, 0.0]) - 5.0 < 1e-6);
    }
}
