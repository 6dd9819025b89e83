#![allow(warnings, clippy::all)]
use burn::tensor::*;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::DropoutConfig;
use model_transformer::*;
use model_transformer::attention::*;
use model_transformer::layers::*;
use std::time::Instant;
fn time(name: &str, n: usize, mut f: impl FnMut()) { f(); let mut best = f64::MAX; for _ in 0..n { let t = Instant::now(); f(); best = best.min(t.elapsed().as_secs_f64()); } println!("{name:40} {:.2} ms", best*1e3); }
#[test]
fn speed() {
    let dev = Device::flex().autodiff();
    let (b, t, c, h) = (4, 256, 384, 6);
    let x3 = || Tensor::<3>::random([b,t,c], Distribution::Normal(0.,1.), &dev).require_grad();
    let mlp = Tensor::<3>::random([b,t,4*c], Distribution::Normal(0.,1.), &dev).require_grad();
    let x = x3();
    time("gelu f+b", 5, || { Activation::Gelu.forward(mlp.clone()).sum().backward(); });
    time("gelu_new f+b", 5, || { Activation::GeluNew.forward(mlp.clone()).sum().backward(); });
    time("burn gelu_approximate f+b", 5, || { activation::gelu_approximate(mlp.clone()).sum().backward(); });
    time("sum f+b (mlp)", 5, || { mlp.clone().sum().backward(); });
    let ln = LayerNorm::new(c, 1e-5, true, &dev);
    time("layernorm f+b", 5, || { ln.forward(x.clone()).sum().backward(); });
    let (w, bb) = (Tensor::<1>::ones([c], &dev).require_grad(), Tensor::<1>::zeros([c], &dev).require_grad());
    time("burn layernorm f+b", 5, || { burn::tensor::module::layer_norm(x.clone(), w.clone(), Some(bb.clone()), 1e-5).sum().backward(); });
    let conv = Conv1D::new(c, 3*c, 0.02, true, &dev);
    time("c_attn split f+b", 5, || { let [q,k,v] = conv.forward_split(x.clone()); (q*k*v).sum().backward(); });
    time("c_attn narrow f+b", 5, || { let y = conv.forward(x.clone()); let [q,k,v] = std::array::from_fn(|i| y.clone().narrow(2, i*c, c)); (q*k*v).sum().backward(); });
    let [q,k,v] = [x3(), x3(), x3()];
    let mask = Mask::causal(t, t, &dev);
    let nodrop = DropoutConfig::new(0.0).init();
    let heads = |x: &Tensor<3>| split_heads(x.clone(), h);
    time("attention f", 5, || { attention(heads(&q), heads(&k), heads(&v), &mask, &nodrop); });
    time("attention f+b", 5, || { merge_heads(attention(heads(&q), heads(&k), heads(&v), &mask, &nodrop)).sum().backward(); });
    let drop = DropoutConfig::new(0.1).init();
    time("attention dropout f+b", 5, || { merge_heads(attention(heads(&q), heads(&k), heads(&v), &mask, &drop)).sum().backward(); });
    let hidden = Tensor::<2, Bool>::tril_mask([t,t],0,&dev).reshape([1,1,t,t]).expand([b,h,t,t]);
    time("attention naive f+b", 5, || {
        let s = heads(&q).matmul(heads(&k).swap_dims(2,3)) * 0.125;
        let p = activation::softmax(s.mask_fill(hidden.clone(), f32::NEG_INFINITY), 3);
        merge_heads(p.matmul(heads(&v))).sum().backward(); });
    let plain = Device::flex();
    let qi = q.clone().inner();
    let m2 = Mask::causal(t, t, &plain);
    time("attention fused", 5, || { attention(split_heads(qi.clone(), h), split_heads(qi.clone(), h), split_heads(qi.clone(), h), &m2, &nodrop); });
    let config = GptConfig { vocab_size: 65, ..GptConfig::small(6, 6, 384, 256) };
    let model = config.init(&dev).unwrap();
    let tokens = Tensor::<2, Int>::zeros([b, t], &dev);
    let targets = Tensor::<1, Int>::zeros([b*t], &dev);
    time("gpt_cpu forward", 3, || { model.forward(tokens.clone()); });
    time("gpt_cpu step f+b", 3, || { let l = model.forward(tokens.clone()).flatten::<2>(0,1); CrossEntropyLossConfig::new().init(&dev).forward(l, targets.clone()).backward(); });
    let config = GptConfig { vocab_size: 65, ..GptConfig::small(4, 4, 128, 64) };
    let model = config.init(&dev).unwrap();
    let tokens = Tensor::<2, Int>::zeros([12, 64], &dev);
    let targets = Tensor::<1, Int>::zeros([12*64], &dev);
    time("gpt char step f+b", 5, || { let l = model.forward(tokens.clone()).flatten::<2>(0,1); CrossEntropyLossConfig::new().init(&dev).forward(l, targets.clone()).backward(); });
    let config = GptConfig::default();
    let model = config.init(&plain).unwrap();
    let mut cache = model.new_cache(1);
    let tok = Tensor::<2, Int>::zeros([1, 1], &plain);
    for _ in 0..3 { model.forward_features_cached(tok.clone(), &mut cache); }
    let t0 = Instant::now();
    for _ in 0..10 { let f = model.forward_features_cached(tok.clone(), &mut cache); let l = model.forward_head(f); l.into_data(); }
    println!("gpt2 decode {:.1} ms/token", t0.elapsed().as_secs_f64()*100.0);
}
