"""Writes model-rnn/tests/fixtures/{layers,gru_reset_before,language_models}.safetensors.

layers, for every PyTorch cell `rnn_tanh`, `rnn_relu`, `gru`, `lstm`, two layers each, in two cases: `plain`, and
`packed`, bidirectional with sequences of different lengths. Under `<cell>.<case>.`:
    init.*                weights
    input, lengths        the batch, `[batch, time, input]`
    state.*, final.*      initial and final hidden state, by the names of `RnnState`
    output, loss          the loss is a weighted sum of all outputs
    grad.*                its gradient by the weights, `grad_input` by the input, `grad_state.*` by the initial state
    step2.*               weights after two AdamW steps: learning rate 0.01, decay 0.01, eps 1e-8
gru_reset_before, the same for one layer of the paper's GRU, whose equations are written out here.
language_models, under `untied.`, `tied.` and `awd.`:
    init.*                weights; of a tied model under both names
    words                 `[batch, 3 * time + 1]`
    logits<i>, loss<i>    of three segments; the detached hidden state is carried from each to the next
    grad<i>.*             gradient of the segment's loss
    final.*               hidden state after the third
    step2.*               weights that compute the third; an AdamW step follows each of the first two
The loss of `awd` includes activation regularisation (AR and TAR).
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FIXTURES = Path(__file__).resolve().parent.parent / "model-rnn/tests/fixtures"
BATCH, TIME, INPUT, HIDDEN = 3, 5, 4, 6
LENGTHS = [3, 5, 1]
VOCAB, STRETCH = 11, 4
CELLS = {
    "rnn_tanh": lambda **options: nn.RNN(INPUT, HIDDEN, nonlinearity="tanh", **options),
    "rnn_relu": lambda **options: nn.RNN(INPUT, HIDDEN, nonlinearity="relu", **options),
    "gru": lambda **options: nn.GRU(INPUT, HIDDEN, **options),
    "lstm": lambda **options: nn.LSTM(INPUT, HIDDEN, **options),
}


def pattern(shape: torch.Size) -> Tensor:
    """Values in [-1, 1] without structure."""
    index = torch.arange(shape.numel(), dtype=torch.float64)
    return ((index * 7919) % 1009 / 504 - 1).to(torch.float32).reshape(shape)


def named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in tensors.items()}


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def adamw(model: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01, eps=1e-8)


def by_name(state: Tensor | tuple[Tensor, ...], bidirectional: bool) -> dict[str, Tensor]:
    """Splits PyTorch's `[layers * directions, batch, hidden]` into one tensor per layer and direction."""
    directions = ["", "_reverse"] if bidirectional else [""]
    result = {}
    for part, tensor in zip(["hidden", "cell"], state if isinstance(state, tuple) else (state,), strict=False):
        for index, values in enumerate(tensor):
            layer, direction = divmod(index, len(directions))
            result[f"{part}_l{layer}{directions[direction]}"] = values
    return result


def weighted(tensors: list[Tensor]) -> Tensor:
    return sum((tensor * pattern(tensor.shape)).sum() for tensor in tensors)


def run(model: nn.Module, x: Tensor, state, lengths: list[int] | None):
    if lengths is None:
        return model(x, state)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    output, state = model(packed, state)
    return pad_packed_sequence(output, batch_first=True, total_length=TIME)[0], state


def layers(model: nn.Module, lengths: list[int] | None, bidirectional: bool) -> dict[str, Tensor]:
    x = torch.randn(BATCH, TIME, INPUT, requires_grad=True)
    count = 2 * (1 + bidirectional)
    state = tuple(torch.randn(count, BATCH, HIDDEN, requires_grad=True) for _ in range(2))
    if not isinstance(model, nn.LSTM):
        state = state[0]
    tensors = named("init", model.state_dict()) | {"input": x.detach().clone()}
    tensors |= named("state", by_name(state, bidirectional))
    if lengths is not None:
        tensors["lengths"] = torch.tensor(lengths)
    optimizer = adamw(model)
    for step in (1, 2):
        optimizer.zero_grad()
        output, final = run(model, x, state, lengths)
        finals = by_name(final, bidirectional)
        loss = weighted([output, *(finals[name] for name in sorted(finals))])
        loss.backward()
        if step == 1:
            tensors |= {"output": output.detach().clone(), "loss": loss.detach()}
            tensors |= named("final", finals) | named("grad", gradients(model))
            tensors["grad_input"] = x.grad.clone()
            grads = tuple(s.grad for s in state) if isinstance(state, tuple) else state.grad
            tensors |= named("grad_state", by_name(grads, bidirectional))
        optimizer.step()
    return tensors | named("step2", model.state_dict())


class ResetBefore(nn.Module):
    """The GRU of Cho et al. 2014, with PyTorch's names for its parameters, and a second bias."""

    def __init__(self):
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.randn(3 * HIDDEN, INPUT) * 0.4)
        self.weight_hh_l0 = nn.Parameter(torch.randn(3 * HIDDEN, HIDDEN) * 0.4)
        self.bias_ih_l0 = nn.Parameter(torch.randn(3 * HIDDEN) * 0.4)
        self.bias_hh_l0 = nn.Parameter(torch.randn(3 * HIDDEN) * 0.4)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        w_r, w_z, w_n = self.weight_hh_l0.chunk(3)
        b_r, b_z, b_n = self.bias_hh_l0.chunk(3)
        outputs = []
        for t in range(x.shape[1]):
            i_r, i_z, i_n = F.linear(x[:, t], self.weight_ih_l0, self.bias_ih_l0).chunk(3, dim=1)
            r = torch.sigmoid(i_r + F.linear(h, w_r, b_r))
            z = torch.sigmoid(i_z + F.linear(h, w_z, b_z))
            n = torch.tanh(i_n + F.linear(r * h, w_n, b_n))
            h = (1 - z) * n + z * h
            outputs.append(h)
        return torch.stack(outputs, dim=1), h


def reset_before() -> dict[str, Tensor]:
    model = ResetBefore()
    x, h = torch.randn(BATCH, TIME, INPUT), torch.randn(BATCH, HIDDEN)
    output, _ = model(x, h)
    loss = weighted([output])
    loss.backward()
    tensors = {"input": x, "state.hidden_l0": h, "output": output.detach(), "loss": loss.detach()}
    return tensors | named("init", model.state_dict()) | named("grad", gradients(model))


class LanguageModel(nn.Module):
    """Word language model of PyTorch's examples, in evaluation mode."""

    def __init__(self, tied: bool):
        super().__init__()
        embedding = HIDDEN if tied else INPUT
        self.encoder = nn.Embedding(VOCAB, embedding)
        self.rnn = nn.LSTM(embedding, HIDDEN, 2, batch_first=True)
        self.decoder = nn.Linear(HIDDEN, VOCAB)
        if tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, words: Tensor, state) -> tuple[Tensor, list[Tensor], Tensor]:
        output, state = self.rnn(self.encoder(words), state)
        return self.decoder(output), state, output

    @staticmethod
    def detach(state):
        return tuple(s.detach() for s in state)

    @staticmethod
    def named_state(state) -> dict[str, Tensor]:
        return by_name(state, bidirectional=False)

    def penalty(self, output: Tensor) -> Tensor:
        return torch.zeros(())


class Awd(nn.Module):
    """AWD-LSTM in evaluation mode: three LSTMs of different widths, the last as wide as the tied embedding."""

    def __init__(self):
        super().__init__()
        sizes = [INPUT, HIDDEN, HIDDEN, INPUT]
        self.encoder = nn.Embedding(VOCAB, INPUT)
        self.rnns = nn.ModuleList(nn.LSTM(a, b, batch_first=True) for a, b in zip(sizes, sizes[1:], strict=False))
        self.decoder = nn.Linear(INPUT, VOCAB)
        self.decoder.weight = self.encoder.weight

    def forward(self, words: Tensor, state) -> tuple[Tensor, list, Tensor]:
        x, states = self.encoder(words), []
        for index, rnn in enumerate(self.rnns):
            x, new = rnn(x, None if state is None else state[index])
            states.append(new)
        return self.decoder(x), states, x

    @staticmethod
    def detach(state):
        return [tuple(s.detach() for s in layer) for layer in state]

    @staticmethod
    def named_state(state) -> dict[str, Tensor]:
        parts = {}
        for index, (hidden, cell) in enumerate(state):
            parts |= {f"hidden_l{index}": hidden[0], f"cell_l{index}": cell[0]}
        return parts

    def penalty(self, output: Tensor) -> Tensor:
        return 2 * output.pow(2).mean() + (output[:, 1:] - output[:, :-1]).pow(2).mean()


def layer_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames `rnns.2.weight_ih_l0` to `rnn.weight_ih_l2`."""
    renamed = {}
    for name, tensor in tensors.items():
        if name.startswith("rnns."):
            _, index, parameter = name.split(".")
            name = f"rnn.{parameter.replace('_l0', f'_l{index}')}"
        renamed[name] = tensor
    return renamed


def language_model(model: nn.Module) -> dict[str, Tensor]:
    words = torch.randint(VOCAB, (2, 3 * STRETCH + 1))
    tensors = named("init", layer_names(model.state_dict())) | {"words": words}
    optimizer, state = adamw(model), None
    for index in range(3):
        start = index * STRETCH
        optimizer.zero_grad()
        logits, state, output = model(words[:, start : start + STRETCH], state)
        targets = words[:, start + 1 : start + STRETCH + 1]
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten()) + model.penalty(output)
        loss.backward()
        tensors |= {f"logits{index}": logits.detach().clone(), f"loss{index}": loss.detach()}
        tensors |= named(f"grad{index}", layer_names(gradients(model)))
        if index < 2:
            optimizer.step()
        state = model.detach(state)
    tensors |= named("final", model.named_state(state))
    return tensors | named("step2", layer_names(model.state_dict()))


def save(name: str, tensors: dict[str, Tensor]) -> None:
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, FIXTURES / f"{name}.safetensors")
    print(f"{name}: {(FIXTURES / f'{name}.safetensors').stat().st_size} bytes")


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(7)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for cell, make in CELLS.items():
        plain = make(num_layers=2, batch_first=True)
        tensors |= prefixed(f"{cell}.plain", layers(plain, None, bidirectional=False))
        packed = make(num_layers=2, batch_first=True, bidirectional=True)
        tensors |= prefixed(f"{cell}.packed", layers(packed, LENGTHS, bidirectional=True))
    save("layers", tensors)
    save("gru_reset_before", reset_before())
    models = {"untied": LanguageModel(tied=False), "tied": LanguageModel(tied=True), "awd": Awd()}
    tensors = {}
    for name, model in models.items():
        tensors |= prefixed(name, language_model(model))
    save("language_models", tensors)


if __name__ == "__main__":
    main()
