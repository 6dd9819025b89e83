//! The parts that all families share, and the enum of them.

/// Height and width that a network accepts, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageSize {
    /// This size only.
    Fixed(usize),
    /// Any size from this on: smaller images have no pixel left after all strides.
    AtLeast(usize),
}

/// Defines [`ImageClassifierConfig`](crate::ImageClassifierConfig) and
/// [`ImageClassifier`](crate::ImageClassifier), one variant for each family, and the methods that
/// are the same in all families.
///
/// A family's configuration has `num_classes`, `in_channels`, `num_features`, `image_size`,
/// `validate` and `init`; its model has `HEAD`, `forward_features_hooked`, `forward_head`,
/// `reset_classifier`, `last_conv_layer` and `head`.
macro_rules! image_classifiers {
    ($($family:literal => $model:ident($config:ident),)*) => {
        /// Configuration of any classifier. In JSON, the field `family` is its kind.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "family")]
        pub enum ImageClassifierConfig {
            $(
                #[doc = concat!("See [`", stringify!($config), "`].")]
                #[serde(rename = $family)]
                $model($config),
            )*
        }

        impl ImageClassifierConfig {
            /// Number of classes, the length of the logits; 0 for a network without a head.
            pub fn num_classes(&self) -> usize {
                match self { $(Self::$model(config) => config.num_classes,)* }
            }

            /// Sets the number of classes.
            #[must_use]
            pub fn with_num_classes(mut self, num_classes: usize) -> Self {
                match &mut self { $(Self::$model(config) => config.num_classes = num_classes,)* }
                self
            }

            /// Channels of the input image.
            pub fn in_channels(&self) -> usize {
                match self { $(Self::$model(config) => config.in_channels,)* }
            }

            /// Length of the features that the head turns into logits.
            pub fn num_features(&self) -> usize {
                match self { $(Self::$model(config) => config.num_features(),)* }
            }

            /// Height and width that the network accepts.
            pub fn image_size(&self) -> ImageSize {
                match self { $(Self::$model(config) => config.image_size(),)* }
            }

            /// The only height and width that the network accepts; `None` if it accepts any from
            /// [`min_image_size`](Self::min_image_size) on.
            pub fn fixed_image_size(&self) -> Option<usize> {
                match self.image_size() {
                    ImageSize::Fixed(size) => Some(size),
                    ImageSize::AtLeast(_) => None,
                }
            }

            /// The smallest height and width that the network accepts.
            pub fn min_image_size(&self) -> usize {
                let (ImageSize::Fixed(size) | ImageSize::AtLeast(size)) = self.image_size();
                size
            }

            /// Checks the options.
            ///
            /// # Errors
            /// Names the option at fault.
            pub fn validate(&self) -> Result<(), ConfigError> {
                match self { $(Self::$model(config) => config.validate(),)* }
            }

            /// Builds the network on `device`.
            ///
            /// # Errors
            /// Names the option at fault.
            pub fn init(&self, device: &Device) -> Result<ImageClassifier, ConfigError> {
                match self { $(Self::$model(config) => config.init(device).map(Into::into),)* }
            }
        }

        /// Any classifier of this crate: one type for code that chooses by name.
        #[derive(Module, Debug)]
        pub enum ImageClassifier {
            $(
                #[doc = concat!("See [`", stringify!($model), "`].")]
                $model($model),
            )*
        }

        impl ImageClassifier {
            /// Images `[batch, channels, height, width]` to the feature map before the head,
            /// `[batch, features, height', width']`.
            pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
                self.forward_features_hooked(images, &mut Hooks::none())
            }

            /// [`forward_features`](Self::forward_features), with hooks on the named layers.
            pub fn forward_features_hooked(&self, images: Tensor<4>, hooks: &mut Hooks) -> Tensor<4> {
                match self { $(Self::$model(model) => model.forward_features_hooked(images, hooks),)* }
            }

            /// Feature map to logits `[batch, num_classes]`; without a head, to the features
            /// `[batch, num_features]`.
            pub fn forward_head(&self, features: Tensor<4>) -> Tensor<2> {
                match self { $(Self::$model(model) => model.forward_head(features),)* }
            }

            /// Images `[batch, channels, height, width]` to logits `[batch, num_classes]`; without
            /// a head, to the features `[batch, num_features]`.
            pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
                self.forward_head(self.forward_features(images))
            }

            /// Replaces the head by a new, random one for `num_classes` classes; 0 removes it.
            #[must_use]
            pub fn reset_classifier(self, num_classes: usize, device: &Device) -> Self {
                match self { $(Self::$model(model) => model.reset_classifier(num_classes, device).into(),)* }
            }

            /// Freezes everything but the head: no gradients, no dropout, constant running
            /// statistics.
            #[must_use]
            pub fn freeze_backbone(self) -> Self {
                match self { $(Self::$model(model) => model.freeze_backbone().into(),)* }
            }

            /// Name prefix of the head's parameters, such as `fc` or `classifier.6`.
            pub fn head_name(&self) -> &'static str {
                match self { $(Self::$model(_) => $model::HEAD,)* }
            }

            /// The layer to look at with Grad-CAM: the last one whose feature map still shows where
            /// something is.
            pub fn last_conv_layer(&self) -> String {
                match self { $(Self::$model(model) => model.last_conv_layer(),)* }
            }
        }

        $(
            impl From<$config> for ImageClassifierConfig {
                fn from(config: $config) -> Self {
                    Self::$model(config)
                }
            }

            impl From<$model> for ImageClassifier {
                fn from(model: $model) -> Self {
                    Self::$model(model)
                }
            }

            impl $model {
                /// Images `[batch, channels, height, width]` to the feature map before the head,
                /// `[batch, features, height', width']`.
                pub fn forward_features(&self, images: Tensor<4>) -> Tensor<4> {
                    self.forward_features_hooked(images, &mut Hooks::none())
                }

                /// Images `[batch, channels, height, width]` to logits `[batch, num_classes]`;
                /// without a head, to the features `[batch, num_features]`.
                pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
                    self.forward_head(self.forward_features(images))
                }

                /// Freezes everything but the head: no gradients, no dropout, constant running
                /// statistics.
                #[must_use]
                pub fn freeze_backbone(self) -> Self {
                    let head = ParamGroup::ids_from_module(self.head());
                    self.freeze().unfreeze_group(head)
                }
            }
        )*
    };
}
pub(crate) use image_classifiers;
