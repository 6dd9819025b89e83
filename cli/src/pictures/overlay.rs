//! Heat map over an image.

use tinderbox_data::image::Image;

/// Opacity of the colour where the map is 0, and where it is 1.
const OPACITY: [f32; 2] = [0.25, 0.75];

/// Draws the colours of `heat`, a value in `[0, 1]` per pixel, over `image` in grey. RGB.
///
/// # Panics
/// If the number of values differs from that of pixels.
pub(crate) fn overlay(image: &Image, heat: &[f32]) -> Image {
    let grey = image.grey();
    assert_eq!(heat.len(), grey.pixels.len(), "values and pixels");
    let blended = |(&grey, &heat): (&u8, &f32)| {
        let opacity = OPACITY[0] + (OPACITY[1] - OPACITY[0]) * heat;
        let mix = |colour: f32| f32::from(grey) * (1.0 - opacity) + colour * 255.0 * opacity;
        turbo(heat).map(|colour| mix(colour).round() as u8)
    };
    Image {
        width: image.width,
        height: image.height,
        channels: 3,
        pixels: grey.pixels.iter().zip(heat).flat_map(blended).collect(),
    }
}

/// Enlarges an image by a whole factor, each pixel to a square.
pub(crate) fn enlarged(image: &Image, scale: usize) -> Image {
    let (width, height) = (image.width * scale, image.height * scale);
    let pixel = |at: usize| {
        let from = at / width / scale * image.width + at % width / scale;
        &image.pixels[from * image.channels..][..image.channels]
    };
    Image {
        width,
        height,
        channels: image.channels,
        pixels: (0..width * height).flat_map(pixel).copied().collect(),
    }
}

/// Divides the map by its 99th percentile and clips it at 1, so that a few outliers do not leave
/// everything else dark (Smilkov et al. 2017, <https://arxiv.org/abs/1706.03825>, section 3.1).
pub(crate) fn without_outliers(mut heat: Vec<f32>) -> Vec<f32> {
    let mut sorted = heat.clone();
    sorted.sort_by(f32::total_cmp);
    let Some(&limit) = sorted.get(sorted.len() * 99 / 100) else {
        return heat;
    };
    if limit > 0.0 {
        heat.iter_mut().for_each(|x| *x = (*x / limit).min(1.0));
    }
    heat
}

/// Colour map from blue over green to red, RGB in `[0, 1]`: Google's Turbo (Mikhailov 2019,
/// <https://research.google/blog/turbo-an-improved-rainbow-colormap-for-visualization/>), by its authors' polynomial.
fn turbo(x: f32) -> [f32; 3] {
    const COEFFICIENTS: [[f32; 6]; 3] = [
        [
            0.135_721_4,
            4.615_392_6,
            -42.660_324,
            132.131_09,
            -152.942_4,
            59.286_38,
        ],
        [
            0.091_402_61,
            2.194_188_4,
            4.842_966_6,
            -14.185_033,
            4.277_298_6,
            2.829_566,
        ],
        [
            0.106_673_3,
            12.641_946,
            -60.582_05,
            110.362_77,
            -89.903_11,
            27.348_25,
        ],
    ];
    let x = x.clamp(0.0, 1.0);
    COEFFICIENTS.map(|c| {
        let value = c.iter().rev().fold(0.0, |sum, c| sum * x + c);
        value.clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: usize, channels: usize, pixels: &[u8]) -> Image {
        Image {
            width,
            height: pixels.len() / width / channels,
            channels,
            pixels: pixels.to_vec(),
        }
    }

    #[test]
    fn large_values_are_red_and_small_ones_keep_the_image() {
        let drawn = overlay(&image(3, 1, &[128; 3]), &[0.0, 0.5, 1.0]);
        assert_eq!((drawn.width, drawn.height, drawn.channels), (3, 1, 3));
        let [cold, middle, hot] =
            [0, 3, 6].map(|at| [0, 1, 2].map(|c| i32::from(drawn.pixels[at + c])));
        assert!(
            cold.iter().all(|sample| (sample - 128).abs() < 40),
            "{cold:?}"
        );
        assert!(middle[1] > middle[0] && middle[1] > middle[2], "{middle:?}");
        assert!(hot[0] > hot[1] + 50 && hot[0] > hot[2] + 50, "{hot:?}");
    }

    /// Matplotlib's table at its quarters. The polynomial is an eighth off at the dark end.
    #[test]
    fn the_colours_are_turbos() {
        let table = [
            (0.0, [0.190, 0.072, 0.232]),
            (0.25, [0.158, 0.736, 0.923]),
            (0.5, [0.644, 0.990, 0.234]),
            (0.75, [0.984, 0.505, 0.128]),
            (1.0, [0.480, 0.016, 0.011]),
        ];
        for (x, expected) in table {
            for (got, expected) in turbo(x).into_iter().zip(expected) {
                assert!((got - expected).abs() < 0.13, "{x}: {got} {expected}");
            }
        }
        assert_eq!(turbo(7.0), turbo(1.0));
    }

    #[test]
    fn pixels_become_squares() {
        let rgb = image(2, 3, &[1, 2, 3, 4, 5, 6]);
        let drawn = enlarged(&rgb, 2);
        assert_eq!((drawn.width, drawn.height), (4, 2));
        let row = [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6];
        assert_eq!(drawn.pixels, [row, row].concat());
        assert_eq!(enlarged(&rgb, 1), rgb);
    }

    #[test]
    fn an_outlier_does_not_make_the_rest_dark() {
        let mut heat = vec![0.5; 199];
        heat.push(50.0);
        assert_eq!(without_outliers(heat), vec![1.0; 200]);
        assert_eq!(without_outliers(vec![0.0; 5]), vec![0.0; 5]);
        assert!(without_outliers(vec![]).is_empty());
    }
}
