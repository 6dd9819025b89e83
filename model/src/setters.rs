/// Writes `with_*` setters for the fields of a configuration, which then can be
/// `#[non_exhaustive]` and grow options without breaking its users.
///
/// ```
/// #[derive(Default)]
/// pub struct MlpConfig {
///     pub hidden: usize,
///     pub dropout: f64,
/// }
///
/// tinderbox_model::setters!(MlpConfig {
///     with_hidden => hidden: usize,
///     with_dropout => dropout: f64,
/// });
///
/// let config = MlpConfig::default().with_hidden(64).with_dropout(0.1);
/// assert_eq!(config.hidden, 64);
/// ```
#[macro_export]
macro_rules! setters {
    ($config:ident { $($setter:ident => $field:ident: $type:ty,)* }) => {
        impl $config {
            $(
                #[doc = concat!("Sets `", stringify!($field), "`.")]
                #[must_use]
                pub fn $setter(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}
