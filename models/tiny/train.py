"""Trains the tiny model: python3 train.py FOLDER --minutes 35 (of processor time), or --steps 100.

FOLDER holds what prepare.ts wrote. Writes weights.bin (float32, one tensor after another) and weights.json
(names, shapes, dimensions and the losses on the way), which export.ts makes a GGUF file of. One thread, no
accelerator; Debian's python3-torch with libopenblas0-pthread is enough.
"""

import argparse
import json
import math
import os
import time

os.environ.setdefault('OPENBLAS_CORETYPE', 'Haswell')
import numpy
import torch
from torch.nn import functional

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 128, 5, 4, 288, 512
HEAD = WIDTH // HEADS
EPSILON = 1e-5
CONTROLS = 3 + 256  # control tokens, and a piece for every byte
ROWS = (128, 256, CONTEXT)  # each dialogue is in a row of the first length that it fits
BATCH = 1024  # tokens of one step
ADAM_RATE = 4e-3
# What the model has to say counts in full; what it is told a little, so that it reads better.
TOLD = 0.1


class Norm(torch.nn.Module):
    """Root mean square normalisation."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * self.weight


def turns_of_positions():
    """Cosines and sines of rotary embeddings, position by pair of dimensions."""
    frequencies = 1.0 / (10000 ** (torch.arange(0, HEAD, 2).float() / HEAD))
    angles = torch.outer(torch.arange(CONTEXT).float(), frequencies)
    return angles.cos(), angles.sin()


COSINES, SINES = turns_of_positions()


def rotate(x, positions):
    """Rotary embedding of interleaved pairs, the order that GGUF files of Llama's shape have."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cosines, sines = COSINES[positions].unsqueeze(1), SINES[positions].unsqueeze(1)
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), -1).flatten(-2)


def linear(inputs, outputs):
    return torch.nn.Linear(inputs, outputs, bias=False)


class Products(torch.autograd.Function):
    """Matrix products of many small pairs. Debian's torch has a slow one of its own without MKL."""

    @staticmethod
    def forward(context, left, right):
        context.save_for_backward(left, right)
        return products(left, right)

    @staticmethod
    def backward(context, gradient):
        left, right = context.saved_tensors
        return products(gradient, right.transpose(-1, -2)), products(left.transpose(-1, -2), gradient)


def products(left, right):
    outer = left.shape[:-2]
    left, right = left.reshape(-1, *left.shape[-2:]), right.reshape(-1, *right.shape[-2:])
    result = torch.empty(left.shape[0], left.shape[1], right.shape[2])
    for one, other, into in zip(left.unbind(), right.unbind(), result.unbind()):
        torch.mm(one, other, out=into)
    return result.view(*outer, *result.shape[-2:])


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attn_norm, self.ffn_norm = Norm(), Norm()
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = [linear(WIDTH, WIDTH) for _ in range(4)]
        self.ffn_gate, self.ffn_up, self.ffn_down = linear(WIDTH, INNER), linear(WIDTH, INNER), linear(INNER, WIDTH)

    def forward(self, x, positions, mask):
        rows, length, _ = x.shape
        h = self.attn_norm(x)

        def heads(project):
            return project(h).view(rows, length, HEADS, HEAD).transpose(1, 2)

        q, k = rotate(heads(self.attn_q), positions), rotate(heads(self.attn_k), positions)
        scores = Products.apply(q / math.sqrt(HEAD), k.transpose(-1, -2)) + mask
        attention = Products.apply(torch.softmax(scores, -1), heads(self.attn_v))
        x = x + self.attn_output(attention.transpose(1, 2).reshape(rows, length, WIDTH))
        h = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(torch.nn.Module):
    """Llama's shape; the output uses the embedding's weights."""

    def __init__(self, vocabulary):
        super().__init__()
        self.token_embd = torch.nn.Embedding(vocabulary, WIDTH)
        self.blk = torch.nn.ModuleList([Block() for _ in range(LAYERS)])
        self.output_norm = Norm()
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                # What is added to the residual stream starts smaller, as in GPT-2.
                is_last = name.endswith(('attn_output.weight', 'ffn_down.weight'))
                torch.nn.init.normal_(parameter, 0, 0.02 * (1 / math.sqrt(2 * LAYERS) if is_last else 2))

    def forward(self, tokens, positions, mask):
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, positions, mask)
        return self.output_norm(x) @ self.token_embd.weight.T


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are made orthogonal (Jordan et al. 2024), for the matrices of blocks.

    It takes about half of AdamW's steps to the same loss.
    """

    def __init__(self, parameters, lr, momentum=0.95):
        super().__init__(parameters, {'lr': lr, 'momentum': momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group['params']:
                kept = self.state[parameter].setdefault('momentum', torch.zeros_like(parameter))
                kept.lerp_(parameter.grad, 1 - group['momentum'])
                update = orthogonal(parameter.grad.lerp(kept, group['momentum']))
                rows, columns = parameter.shape
                parameter.add_(update, alpha=-group['lr'] * math.sqrt(max(1, rows / columns)))


def orthogonal(matrix):
    """About the nearest matrix with orthogonal rows or columns: five steps of Newton and Schulz."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + 1e-7)
    is_tall = x.shape[0] > x.shape[1]
    x = x.T if is_tall else x
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if is_tall else x


class Rows:
    """Dialogues laid side by side in rows of one length, none cut; each sees itself only."""

    def __init__(self, tokens, learned, spans, length):
        packed, room = [], 0
        for begin, end in spans:
            if end - begin > room:
                packed.append([])
                room = length
            packed[-1].append((begin, end))
            room -= end - begin
        self.length, self.count = length, len(packed)
        self.tokens = numpy.zeros((self.count, length), numpy.int64)
        self.weights = numpy.zeros((self.count, length), numpy.float32)
        self.dialogue = numpy.full((self.count, length), -1, numpy.int64)
        self.positions = numpy.zeros((self.count, length), numpy.int64)
        for row, inside in enumerate(packed):
            at = 0
            for i, (begin, end) in enumerate(inside):
                size = end - begin
                self.tokens[row, at : at + size] = tokens[begin:end]
                # A position is judged by the token after it.
                self.weights[row, at : at + size - 1] = numpy.where(learned[begin + 1 : end] == 1, 1, TOLD)
                self.dialogue[row, at : at + size] = i
                self.positions[row, at : at + size] = numpy.arange(size)
                at += size

    def batch(self, rows):
        tokens = torch.from_numpy(self.tokens[rows])
        dialogue = torch.from_numpy(self.dialogue[rows])
        same = dialogue.unsqueeze(2) == dialogue.unsqueeze(1)
        causal = torch.ones(self.length, self.length, dtype=torch.bool).tril()
        mask = torch.zeros(len(rows), 1, self.length, self.length)
        mask.masked_fill_(~(same & causal).unsqueeze(1), float('-inf'))
        return tokens, torch.from_numpy(self.positions[rows]), mask, torch.from_numpy(self.weights[rows])


def loss_of(model, batch):
    """Loss to learn from, and that of what the model has to say alone."""
    tokens, positions, mask, weights = batch
    logits = model(tokens, positions, mask)[:, :-1]
    each = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction='none')
    weights = weights[:, :-1].flatten()
    said = (weights == 1).float()
    return (each * weights).sum() / weights.sum(), ((each * said).sum() / said.sum()).detach()


def main():
    options = argparse.ArgumentParser()
    options.add_argument('folder')
    options.add_argument('--minutes', type=float)
    options.add_argument('--wall', type=float, help='minutes by the clock, on a machine that others use')
    options.add_argument('--steps', type=int)
    options.add_argument('--begin', help='folder with weights to go on from')
    options.add_argument('--rate', type=float, default=0.02)
    chosen = options.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    generator = numpy.random.RandomState(1)

    def path(name):
        return os.path.join(chosen.folder, name)

    tokens, learned = numpy.fromfile(path('tokens.bin'), '<u2'), numpy.fromfile(path('learned.bin'), 'u1')
    ends = numpy.cumsum(numpy.fromfile(path('lengths.bin'), '<u2').astype(numpy.int64))
    spans = list(zip(numpy.concatenate(([0], ends[:-1])), ends))
    with open(path('words.json')) as file:
        vocabulary = CONTROLS + len(json.load(file))
    kinds, least = [], 0
    for length in ROWS:
        kinds.append(Rows(tokens, learned, [span for span in spans if least < span[1] - span[0] <= length], length))
        least = length
    # Which kind of rows each step of a round has.
    steps = [max(1, rows.count * rows.length // BATCH) for rows in kinds]
    plan = numpy.repeat(numpy.arange(len(kinds)), steps)
    generator.shuffle(plan)
    model = Model(vocabulary)
    if chosen.begin:
        read(model, chosen.begin)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f'{parameters} parameters, rows: {[(rows.length, rows.count) for rows in kinds]}', flush=True)
    matrices = [parameter for parameter in model.blk.parameters() if parameter.dim() > 1]
    others = [model.token_embd.weight, *(one for one in model.parameters() if one.dim() == 1)]
    optimizers = [Muon(matrices, lr=chosen.rate), torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95))]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group['highest'] = group['lr']
    orders = [generator.permutation(rows.count) for rows in kinds]
    used = [0 for _ in kinds]
    losses, begun, worked, step, seen = [], time.time(), time.process_time(), 0, 0

    def progress():
        if chosen.steps:
            return step / chosen.steps
        spent = (time.process_time() - worked) / (chosen.minutes * 60)
        return max(spent, (time.time() - begun) / (chosen.wall * 60)) if chosen.wall else spent

    while progress() < 1:
        kind = plan[step % len(plan)]
        rows = kinds[kind]
        size = min(rows.count, BATCH // rows.length)
        if used[kind] + size > rows.count:
            orders[kind], used[kind] = generator.permutation(rows.count), 0
        batch = rows.batch(orders[kind][used[kind] : used[kind] + size])
        used[kind] += size
        rate = min(1, (step + 1) / 20) * (1 - 0.99 * progress())
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group['lr'] = group['highest'] * rate
        loss, said = loss_of(model, batch)
        model.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        step, seen = step + 1, seen + size * rows.length
        losses.append(said.item())
        if step % 20 == 0:
            passed = time.time() - begun
            recent = sum(losses[-20:]) / 20
            print(f'{step} steps, {passed:.0f} s, loss {recent:.4f}, {seen / passed:.0f} tokens/s', flush=True)
        if step % 200 == 0:
            write(model, path, vocabulary, losses, time.process_time() - worked)
    write(model, path, vocabulary, losses, time.process_time() - worked)


def read(model, folder):
    """Weights of an earlier sitting."""
    with open(os.path.join(folder, 'weights.json')) as file:
        tensors = json.load(file)['tensors']
    numbers = numpy.fromfile(os.path.join(folder, 'weights.bin'), '<f4')
    state, at = {}, 0
    for name, shape in tensors:
        size = int(numpy.prod(shape))
        state[name] = torch.from_numpy(numbers[at : at + size].reshape(shape).copy())
        at += size
    model.load_state_dict(state)


def write(model, path, vocabulary, losses, seconds):
    state = model.state_dict()
    with open(path('weights.bin'), 'wb') as file:
        for tensor in state.values():
            file.write(tensor.numpy().astype('<f4').tobytes())
    dimensions = {
        'width': WIDTH, 'layers': LAYERS, 'heads': HEADS, 'inner': INNER, 'context': CONTEXT,
        'vocabulary': vocabulary, 'epsilon': EPSILON,
    }
    with open(path('weights.json'), 'w') as file:
        json.dump(
            {
                'dimensions': dimensions,
                'tensors': [[name, list(tensor.shape)] for name, tensor in state.items()],
                'steps': len(losses),
                'seconds': round(seconds),
                'losses': {str(at): round(sum(losses[at - 20 : at]) / 20, 4) for at in range(20, len(losses) + 1, 20)},
            },
            file,
        )


if __name__ == '__main__':
    main()
