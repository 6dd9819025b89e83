//! Fixtures that PyTorch made, and comparing with them.
//!
//! The tests of `train` use this module too.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tinderbox_model_cnn::resnet::BlockKind;
use tinderbox_model_cnn::squeezenet::SqueezeNetVersion;
use tinderbox_model_cnn::{
    AlexNetConfig, CifarResNetConfig, ConvNeXtConfig, ImageClassifierConfig, ResNetConfig,
    SqueezeNetConfig, VggConfig, weights,
};

/// A file of named tensors.
pub struct Fixture(pub SafeTensors<'static>);

impl Fixture {
    pub fn new(bytes: &'static [u8]) -> Self {
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
        let view = self.0.tensor(name).unwrap();
        view.data().chunks_exact(4).map(number).collect()
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
        let view = self.0.tensor(name).unwrap();
        view.data().chunks_exact(8).map(number).collect()
    }

    /// `model` with the weights under `init.`.
    pub fn load<M: Module>(&self, model: M) -> M {
        let init: Vec<(String, TensorView)> = self
            .0
            .iter()
            .filter_map(|(name, view)| Some((name.strip_prefix("init.")?.to_string(), view)))
            .collect();
        let bytes = safetensors::serialize(init, None).unwrap();
        weights::load_bytes(model, bytes, Path::new("fixture")).unwrap()
    }

    /// The batch, which `golden/make_families.py` makes by the same formula.
    pub fn batch(&self, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let shape: Vec<usize> = self.integers("shape").iter().map(|&n| n as usize).collect();
        let count = shape.iter().product::<usize>() as u64;
        let pattern = |i: u64| ((i * 7919 % 1009) as f64 / 504.0 - 1.0) as f32;
        let images: Vec<f32> = (0..count).map(pattern).collect();
        let target = self.integers("target");
        let target = TensorData::new(target.clone(), [target.len()]);
        (
            Tensor::from_data(TensorData::new(images, shape), device),
            Tensor::from_data(target, device),
        )
    }
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

/// Equal to within `tolerance` of the largest value expected. A bias before a batch norm has a gradient of nothing but
/// rounding errors: values below a hundredth count as that.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-2_f32, |max, x| max.max(x.abs()));
    for (got, expected) in got.iter().zip(expected) {
        let error = (got - expected).abs() / scale;
        assert!(error <= tolerance, "{what}: {got} is not {expected}");
    }
}

/// Compares the gradient of every parameter with the fixture's under `grad.`; says how many there were.
pub fn compare_gradients<M: Module>(
    fixture: &Fixture,
    model: &M,
    gradients: &Gradients,
    tolerance: f32,
) -> usize {
    let mut compare = Compare {
        path: Vec::new(),
        fixture,
        gradients,
        tolerance,
        compared: 0,
    };
    model.visit(&mut compare);
    compare.compared
}

struct Compare<'a> {
    path: Vec<Option<String>>,
    fixture: &'a Fixture,
    gradients: &'a Gradients,
    tolerance: f32,
    compared: usize,
}

impl ModuleVisitor for Compare<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        let is_variant = container_type.starts_with("Enum:");
        self.path.push((!is_variant).then(|| name.into()));
    }
    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path: Vec<&str> = self.path.iter().flatten().map(String::as_str).collect();
        if path.last().is_some_and(|name| name.starts_with("running_")) {
            return;
        }
        let name = format!("grad.{}", path.join("."));
        let gradient = param.val().grad(self.gradients).expect(&name);
        let is_linear_weight = D == 2;
        let [rows, columns] = [gradient.dims()[0], gradient.dims()[D - 1]];
        let mut got = values(gradient);
        if is_linear_weight {
            // Burn keeps linear weights as [in, out], PyTorch as [out, in].
            let transposed = Tensor::<1>::from_floats(got.as_slice(), &Device::flex());
            got = values(transposed.reshape([rows, columns]).transpose());
        }
        let expected = self.fixture.floats(&name);
        assert_close(&name, &got, &expected, self.tolerance);
        self.compared += 1;
    }
}

/// A thin member of a family, and what `golden/make_families.py` wrote about it.
pub struct Family {
    pub name: &'static str,
    pub config: ImageClassifierConfig,
    pub fixture: Fixture,
}

/// One or two members of every family; the last has batch norms.
pub fn families() -> Vec<Family> {
    vec![
        family(
            "alexnet",
            include_bytes!("../fixtures/alexnet.safetensors"),
            ImageClassifierConfig::AlexNet(AlexNetConfig {
                channels: [3, 4, 6, 4, 4],
                hidden: 8,
                dropout: 0.0,
                ..AlexNetConfig::new(5)
            }),
        ),
        family(
            "cifar_resnet",
            include_bytes!("../fixtures/cifar_resnet.safetensors"),
            ImageClassifierConfig::CifarResNet(CifarResNetConfig {
                layers: [2, 1, 1],
                width: 4,
                ..CifarResNetConfig::new(20, 5)
            }),
        ),
        family(
            "convnext",
            include_bytes!("../fixtures/convnext.safetensors"),
            ImageClassifierConfig::ConvNeXt(ConvNeXtConfig {
                layers: [1, 1, 1, 1],
                width: 4,
                stochastic_depth: 0.0,
                ..ConvNeXtConfig::convnext_tiny(5)
            }),
        ),
        family(
            "resnet_basic",
            include_bytes!("../fixtures/resnet_basic.safetensors"),
            ImageClassifierConfig::ResNet(ResNetConfig {
                layers: [1, 2, 1, 1],
                width: 2,
                ..ResNetConfig::resnet18(5)
            }),
        ),
        family(
            "resnet_bottleneck",
            include_bytes!("../fixtures/resnet_bottleneck.safetensors"),
            ImageClassifierConfig::ResNet(ResNetConfig {
                block: BlockKind::Bottleneck,
                layers: [1, 2, 1, 1],
                width: 2,
                groups: 2,
                width_per_group: 32,
                ..ResNetConfig::resnet18(5)
            }),
        ),
        family(
            "squeezenet1_0",
            include_bytes!("../fixtures/squeezenet1_0.safetensors"),
            squeezenet(SqueezeNetVersion::V1_0),
        ),
        family(
            "squeezenet1_1",
            include_bytes!("../fixtures/squeezenet1_1.safetensors"),
            squeezenet(SqueezeNetVersion::V1_1),
        ),
        family(
            "vgg",
            include_bytes!("../fixtures/vgg.safetensors"),
            vgg(false),
        ),
        family(
            "vgg_bn",
            include_bytes!("../fixtures/vgg_bn.safetensors"),
            vgg(true),
        ),
    ]
}

fn family(name: &'static str, bytes: &'static [u8], config: ImageClassifierConfig) -> Family {
    Family {
        name,
        config,
        fixture: Fixture::new(bytes),
    }
}

fn squeezenet(version: SqueezeNetVersion) -> ImageClassifierConfig {
    ImageClassifierConfig::SqueezeNet(SqueezeNetConfig {
        version,
        width: 2,
        dropout: 0.0,
        ..SqueezeNetConfig::squeezenet1_0(5)
    })
}

fn vgg(batch_norm: bool) -> ImageClassifierConfig {
    ImageClassifierConfig::Vgg(VggConfig {
        stages: [1, 1, 2, 1, 1],
        width: 2,
        hidden: 8,
        batch_norm,
        dropout: 0.0,
        ..VggConfig::vgg16(5)
    })
}
