#![allow(warnings, clippy::all)]
use burn::tensor::*;
use burn::tensor::module::linear;
use burn::nn::DropoutConfig;
use model_transformer::*;
use model_transformer::attention::*;
use model_transformer::layers::*;
use std::time::Instant;
fn time(name: &str, n: usize, mut f: impl FnMut()) { f(); let mut best = f64::MAX; for _ in 0..n { let t = Instant::now(); f(); best = best.min(t.elapsed().as_secs_f64()); } println!("{name:40} {:.2} ms", best*1e3); }
#[test]
fn speed() {
    let dev = Device::flex().autodiff();
    let plain = Device::flex();
    let (b, t, c, h) = (4, 256, 384, 6);
    let x3 = |d: &Device| Tensor::<3>::random([b,t,c], Distribution::Normal(0.,1.), d);
    let heads = |x: &Tensor<3>| split_heads(x.clone(), h);
    let (q, k, v) = (x3(&plain), x3(&plain), x3(&plain));
    let (qv, kv, vv) = (heads(&q), heads(&k), heads(&v));
    let (qc, kc, vc) = (heads(&q).mul_scalar(1.0).add_scalar(0.0), heads(&k)+0.0, heads(&v)+0.0);
    let cont = |x: &Tensor<4>| Tensor::<4>::from_data(x.clone().into_data(), &plain);
    let (qc, kc, vc) = (cont(&qv), cont(&kv), cont(&vv));
    time("q@kT views", 10, || { qv.clone().matmul(kv.clone().swap_dims(2,3)); });
    time("q@kT contiguous", 10, || { qc.clone().matmul(kc.clone().swap_dims(2,3)); });
    time("q@k (kT contiguous)", 10, || { let k = cont(&kc.clone().swap_dims(2,3)); let t0 = Instant::now(); qc.clone().matmul(k); });
    time("copy to contiguous via data", 10, || { cont(&qv); });
    let s = qc.clone().matmul(kc.clone().swap_dims(2,3)) * 0.125;
    let mask = Tensor::<2, Bool>::tril_mask([t,t],0,&plain);
    let bias = Tensor::<2>::zeros([t,t], &plain).mask_fill(mask.clone(), f32::NEG_INFINITY).reshape([1,1,t,t]);
    time("clone mul scalar", 10, || { s.clone() * 2.0; });
    time("+ bias broadcast", 10, || { s.clone() + bias.clone(); });
    let full = bias.clone().expand([b,h,t,t]);
    let fullc = cont(&full);
    time("+ bias full", 10, || { s.clone() + fullc.clone(); });
    time("mask_fill expand", 10, || { s.clone().mask_fill(mask.clone().reshape([1,1,t,t]).expand([b,h,t,t]), f32::NEG_INFINITY); });
    let m = s.clone() + bias.clone();
    let max = m.clone().max_dim(3);
    time("max_dim", 10, || { m.clone().max_dim(3); });
    time("- max broadcast", 10, || { m.clone() - max.clone(); });
    let d = m.clone() - max.clone();
    time("exp with -inf", 10, || { d.clone().exp(); });
    time("exp of finite", 10, || { s.clone().exp(); });
    time("exp of -30", 10, || { (s.clone()-30.).exp(); });
    time("exp of -100", 10, || { (s.clone()-100.).exp(); });
    time("exp of -1000", 10, || { (s.clone()-1000.).exp(); });
    let e = d.clone().exp();
    time("sum_dim", 10, || { e.clone().sum_dim(3); });
    time("e@v views", 10, || { e.clone().matmul(vv.clone()); });
    time("e@v cont", 10, || { e.clone().matmul(vc.clone()); });
    let o = e.clone().matmul(vc.clone()); let sum = e.clone().sum_dim(3);
    time("o / sum", 10, || { o.clone() / sum.clone(); });
    time("eT@o", 10, || { e.clone().swap_dims(2,3).matmul(o.clone()); });
    time("o@vT views", 10, || { o.clone().matmul(vv.clone().swap_dims(2,3)); });
    time("e * row broadcast", 10, || { e.clone() * sum.clone(); });
    time("e + row broadcast", 10, || { e.clone() + sum.clone(); });
    time("e + row expand", 10, || { e.clone() + sum.clone().expand([b,h,t,t]); });
    time("e/sum", 10, || { e.clone() / sum.clone(); });
    time("softmax fused", 10, || { activation::softmax(m.clone(), 3); });
    time("merge heads", 10, || { merge_heads(o.clone()); });
    time("reshape view q [b,t,h,d]->", 10, || { heads(&q).reshape([b, h*t, c/h]); });
    for n in [1, 2, 4, 8, 16, 64, 256] {
        let w = Tensor::<2>::random([10000, 768], Distribution::Default, &plain);
        let wc = w.clone().transpose() + 0.0; let wc = Tensor::<2>::from_data(wc.into_data(), &plain);
        let x = Tensor::<2>::random([n, 768], Distribution::Default, &plain);
        time(&format!("{n} linear transposed view"), 5, || { linear(x.clone(), w.clone().transpose(), None).into_data(); });
        time(&format!("{n} linear [in,out]"), 5, || { linear(x.clone(), wc.clone(), None).into_data(); });
        time(&format!("{n} (w @ xT)T"), 5, || { w.clone().matmul(x.clone().transpose()).transpose().into_data(); });
    }
    let mlp = Tensor::<3>::random([b,t,4*c], Distribution::Normal(0.,1.), &dev).require_grad();
    let g = Tensor::<3>::random([b,t,4*c], Distribution::Normal(0.,1.), &dev);
    time("gelu_new f+b", 10, || { (Activation::GeluNew.forward(mlp.clone())*g.clone()).sum().backward(); });
    time("gelu_new exp f+b", 10, || { let x = mlp.clone(); let s = x.clone().square()*-0.07135 - 1.5957; let y = x.clone()/((s*x).clamp_max(30.0).exp()+1.0); (y*g.clone()).sum().backward(); });
    time("gelu_new exp recip f+b", 10, || { let x = mlp.clone(); let s = x.clone().square()*-0.07135 - 1.5957; let y = x.clone()*((s*x).clamp_max(30.0).exp()+1.0).recip(); (y*g.clone()).sum().backward(); });
    time("gelu_new exp noclamp f+b", 10, || { let x = mlp.clone(); let s = x.clone().square()*-0.07135 - 1.5957; let y = x.clone()/((s*x).exp()+1.0); (y*g.clone()).sum().backward(); });
}
