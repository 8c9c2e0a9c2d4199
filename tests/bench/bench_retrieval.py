"""Speed and memory of retrieval by size, and quality and speed beside what a user would pick instead.

    python -m tests.bench.bench_retrieval                         # peers, then 1k and 100k passages
    python -m tests.bench.bench_retrieval --sizes 1000 --no-peers
    python -m tests.bench.bench_retrieval --sizes 1000000         # about 40 minutes on two cores, 10 GB

Peers that are not installed are skipped with a line. They need no place in our environment: put them into a folder of
their own (without torch and numpy, which are here) and name it:

    printf '%s ; sys_platform == "never"\\n' torch transformers faiss-cpu sentence-transformers numpy scipy \\
        huggingface-hub > /tmp/never.txt
    uv pip install --target /tmp/vagus-peers --override /tmp/never.txt -r tests/bench/peers.txt
    python -m tests.bench.bench_retrieval --peers /tmp/vagus-peers

Synthetic passages: each is a real one whose vectors are pushed off by Gaussian noise to a cosine of 0.8 with the
original, and half of whose words are drawn anew from a Zipf distribution over 50,000 invented ones. Noise of this kind
has no structure, so it is harder for an approximate index than real neighbours are; recall is measured on it all the same.
"""

from __future__ import annotations

import argparse
import gc
import os
import site
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import bm25s
import faiss
import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from knowledge.answering import AnswerService
from knowledge.encoder import SentenceEncoder, Vectors
from knowledge.index import FLAT_UP_TO, PassageIndex, Phrase, PhraseKind, dense_index, lexical_text
from knowledge.lexical import LexicalIndex, words_to_index
from knowledge.models import Answer
from knowledge.retriever import Retriever, stored_vectors
from knowledge.settings import KnowledgeSettings
from tests.bench.peers import PEERS, Build, Search, Torch, rank_bm25
from tests.golden.fit import WRONGFUL_ANSWER_BUDGET
from tests.golden.goldens import Golden, load

COSINE = 0.8
INVENTED = 50_000
QUERIES = 300
TURN = 25
"""Questions that one contender answers in a row."""
RECALL_AT = 10
TARGET_MS = {1_000: 10.0, 100_000: 15.0, 1_000_000: 50.0}
"""p95 that we want, by passages."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# Side by side.

Outcome = tuple[list[str], bool, float]
"""Sections found, best first, whether the first would be given as the answer, and how sure of it the contender is."""


class Contender:
    """Something to ask, the time each question took, and what it found."""

    def __init__(self, name: str, ask: Callable[[str], Outcome]) -> None:
        self.name = name
        self._ask = ask
        self.seconds: list[float] = []
        self.outcomes: dict[str, Outcome] = {}

    def ask(self, golden: Golden) -> None:
        started = time.perf_counter()
        outcome = self._ask(golden.text)
        self.seconds.append(time.perf_counter() - started)
        self.outcomes[golden.id] = outcome

    def row(self, answerable: Sequence[Golden], *off_topic: Sequence[Golden]) -> str:
        """Its line of the table, in points and milliseconds."""
        asked = {golden.id for golden in answerable}
        found = [(golden, *self.outcomes[golden.id][:2]) for golden in answerable]
        shares = [
            [named[0] in golden.accept for golden, named, _ in found],
            [bool(set(named[:3]) & set(golden.accept)) for golden, named, _ in found],
            [answered and named[0] in golden.accept for golden, named, answered in found],
            [answered and named[0] not in golden.accept for golden, named, answered in found],
            *([not self.outcomes[golden.id][1] for golden in goldens] for goldens in off_topic),
        ]
        columns = [100 * float(np.mean(values)) for values in shares]
        sure = {golden.id: self.outcomes[golden.id][2] for goldens in (answerable, *off_topic) for golden in goldens}
        columns.append(100 * roc_auc_score([name in asked for name in sure], list(sure.values())))
        columns += [1000 * float(np.percentile(self.seconds, part)) for part in (50, 95)]
        return f"| {self.name} | " + " | ".join(f"{value:.1f}" for value in columns) + " |"


class Ours(Contender):
    """The product. Its ranking is looked up after the clock has stopped, since an `Answer` shows only the best."""

    def __init__(self, name: str, ask: Callable[[str], Outcome], service: AnswerService) -> None:
        super().__init__(name, ask)
        self._service = service

    def ask(self, golden: Golden) -> None:
        super().ask(golden)
        named = [f"{hit.passage.article}/{hit.passage.heading}" for hit in self._service.search(golden.text)]
        self.outcomes[golden.id] = (named, *self.outcomes[golden.id][1:])


def side_by_side(service: AnswerService, encoder: SentenceEncoder, limit: int) -> None:
    """Print one row a contender: the same passages, the same model, the same test questions.

    They take turns of `TURN` questions, so that a busy machine is equally busy for all. The first of a turn is asked twice and
    counted once: no server runs a dozen engines by turns. What building left behind is not searched for garbage any more.
    "AUC" is how often an answerable question is given more confidence than an off-topic one: declining, whatever the threshold.
    """
    contenders = [_ours(service), *_peers(service, encoder, limit)]
    sets = [load(name, "test")[:limit] for name in ("answerable", "off-topic-medical", "off-topic-other")]
    gc.collect()
    gc.freeze()
    questions = [golden for goldens in sets for golden in goldens]
    for start in range(0, len(questions), TURN):
        turn = questions[start : start + TURN]
        for contender in contenders:
            contender.ask(turn[0])
            contender.seconds.pop()
            for golden in turn:
                contender.ask(golden)
    say("\n| | top-1 | top-3 | answered right | answered wrongly | off-topic medical declined | off-topic other declined "
        "| AUC | p50 ms | p95 ms |\n|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for contender in contenders:
        say(contender.row(*sets))


def _ours(service: AnswerService) -> Contender:
    def ask(text: str) -> Outcome:
        answer = service.ask(text)
        return [], isinstance(answer, Answer), answer.probability

    return Ours("**ours** (the whole `ask`)", ask, service)


def _peers(service: AnswerService, encoder: SentenceEncoder, limit: int) -> list[Contender]:
    passages = [vetted.passage for vetted in service.index.passages]
    texts = [f"{passage.heading}\n{passage.text}" for passage in passages]
    sections = [f"{passage.article}/{passage.heading}" for passage in passages]
    torch: list[Torch] = []
    builds: list[tuple[str, Callable[[], Search], Sequence[str]]] = [
        ("rank_bm25", partial(rank_bm25, texts), sections),
        *((f"{name}, on torch", partial(_on_torch, build, texts, torch), sections) for name, build in PEERS.items()),
        *((f"{name}, given our encoder", partial(build, texts, encoder), sections) for name, build in PEERS.items()),
    ]
    # Two peers more, given the other ways to ask that our articles carry: what is left is not the content's doing.
    both = ["\n".join((text, *passage.asks)) for text, passage in zip(texts, passages, strict=True)]
    asks = [(row, ask) for row, passage in enumerate(passages) for ask in (passage.heading, *passage.asks)]
    owner = [*sections, *(sections[row] for row, _ in asks)]
    every = [*texts, *(ask for _, ask in asks)]
    builds.append(("rank_bm25, given our asks", partial(rank_bm25, both), sections))
    builds.append(("FAISS, given our encoder and asks", partial(PEERS["FAISS"], every, encoder), owner))
    contenders = []
    for name, build, named in builds:
        try:
            contenders.append(_peer(name, build(), named, limit))
        except ImportError as error:
            say(f"{name}: skipped, not installed ({error})")
        except Exception as error:  # a peer's own fault must not end the run: it is said
            say(f"{name}: skipped, {type(error).__name__}: {error}")
    return contenders


def _on_torch(build: Build, texts: Sequence[str], torch: list[Torch]) -> Search:
    """A peer as its users run it: on torch, with as many threads as torch chooses. They share one model, kept in `torch`."""
    if not torch:
        torch.append(Torch(texts))
    return build(texts, torch[0])


def _peer(name: str, search: Search, sections: Sequence[str], limit: int) -> Contender:
    """A peer declines below a threshold that is set on dev as ours is: the same share of off-topic medical questions answered."""
    off = [search(golden.text)[0][1] for golden in load("off-topic-medical", "dev")[:limit]]
    threshold = float(np.quantile(off, 1 - WRONGFUL_ANSWER_BUDGET))

    def ask(text: str) -> Outcome:
        found = search(text)
        return list(dict.fromkeys(sections[row] for row, _ in found)), found[0][1] >= threshold, found[0][1]

    return Contender(name, ask)


# By size.


def by_size(service: AnswerService, encoder: SentenceEncoder, sizes: Sequence[int], vectors: int) -> None:
    """Print latency of a whole search, its parts, memory and recall, one row a size."""
    questions = [golden.text for golden in load("answerable", "test")[:QUERIES]]
    encoded = encoder.encode(questions)
    ours = len(service.index.phrases) / len(service.index.passages)
    say(f"\n{vectors} vectors a passage (the product has {ours:.1f}); exact up to {FLAT_UP_TO:,} vectors, HNSW above; "
        f"{len(questions)} questions, one at a time, encoding included\n")  # fmt: skip
    say("| passages | vectors | index | built in | memory | p50 ms | p95 ms | wanted | encode p95 | dense p95 | lexical p95 "
        "| recall@10 |\n|---|---|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for size in sizes:
        before = _memory()
        started = time.perf_counter()
        index = synthetic_index(service.index, size, vectors)
        built = time.perf_counter() - started
        memory = _memory() - before
        retriever = Retriever(
            index, encoder, service.retriever.reader, service.retriever.ranking, service.retriever.following
        )
        retriever.search(questions[0])
        whole = _p(lambda text, retriever=retriever: retriever.search(text), questions)
        encoding = _p(lambda text: encoder.encode([text]), questions)
        dense = _p(lambda row, index=index: index.dense.search(encoded[row : row + 1], 64), range(len(questions)))
        read = [retriever.read(text).lemmas for text in questions]
        lexical = _p(lambda words, index=index: index.lexical.match(words).best(20), read)
        wanted = f"{TARGET_MS[size]:g}" if size in TARGET_MS else ""
        kind = type(faiss.downcast_index(index.dense)).__name__
        say(f"| {size:,} | {index.dense.ntotal:,} | {kind} | {built:.0f} s | {memory / 2**20:.0f} MB "
            f"| {whole[0]:.1f} | {whole[1]:.1f} | {wanted} | {encoding[1]:.1f} | {dense[1]:.1f} | {lexical[1]:.1f} "
            f"| {_recall(index.dense, encoded):.3f} |")  # fmt: skip
        if isinstance(faiss.downcast_index(index.dense), faiss.IndexHNSW):
            _say_other_widths(index, encoded)


def _say_other_widths(index: PassageIndex, encoded: Vectors) -> None:
    """Print what a narrower and a wider search of the same graph would cost and find."""
    shipped = index.dense.hnsw.efSearch
    for width in (shipped // 2, 2 * shipped):
        index.dense.hnsw.efSearch = width
        dense = _p(lambda row: index.dense.search(encoded[row : row + 1], 64), range(len(encoded)))
        say(f"  efSearch {width}: recall@10 {_recall(index.dense, encoded):.3f}, dense p95 {dense[1]:.1f} ms")
    index.dense.hnsw.efSearch = shipped


def synthetic_index(real: PassageIndex, size: int, vectors: int) -> PassageIndex:
    """An index of `size` synthetic passages with `vectors` vectors each: lead, text, and other ways to ask."""
    random = np.random.default_rng(0)
    first = np.searchsorted(real.phrase_passage, np.arange(len(real.passages)))
    counts = np.bincount(real.phrase_passage, minlength=len(real.passages))
    parents = random.integers(len(real.passages), size=size)
    rows = first[parents][:, None] + np.arange(vectors)[None, :] % counts[parents][:, None]
    kinds: list[PhraseKind] = ["lead", "text", *["ask"] * (vectors - 2)]  # type: ignore[list-item]
    phrases = [Phrase(passage, kind, "") for passage in range(size) for kind in kinds]
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    dense = dense_index(_perturbed(stored_vectors(real.dense), rows.ravel(), random))
    faiss.omp_set_num_threads(1)
    return PassageIndex(
        "synthetic",
        [real.passages[parent] for parent in parents],
        phrases,
        dense,
        _synthetic_lexical(real, parents, random),
        [real.concepts[parent] for parent in parents],
    )


def _perturbed(vectors: Vectors, rows: npt.NDArray[np.int64], random: np.random.Generator) -> Vectors:
    """Unit vectors at a cosine of about `COSINE` with the originals."""
    noise = np.sqrt(1 / COSINE**2 - 1) / np.sqrt(vectors.shape[1])
    made = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), 50_000):
        part = vectors[rows[start : start + 50_000]]
        part = part + noise * random.standard_normal(part.shape, dtype=np.float32)
        made[start : start + 50_000] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return made


def _synthetic_lexical(real: PassageIndex, parents: npt.NDArray[np.int64], random: np.random.Generator) -> LexicalIndex:
    bags = [words_to_index(lexical_text(vetted.passage)) for vetted in real.passages]
    words = {word: number for number, word in enumerate(sorted({word for bag in bags for word in bag}))}
    numbers = [np.array([words[word] for word in bag], dtype=np.int64) for bag in bags]
    tokens = []
    for parent in parents:
        bag = numbers[parent].copy()
        changed = random.random(len(bag)) < 0.5
        bag[changed] = len(words) + np.minimum(random.zipf(1.3, int(changed.sum())), INVENTED) - 1
        tokens.append(bag.tolist())
    vocabulary = words | {f"zz{number}": len(words) + number for number in range(INVENTED)}
    model = bm25s.BM25()
    model.index((tokens, vocabulary), show_progress=False)
    return LexicalIndex(model, len(parents))


def _recall(dense: faiss.Index, queries: Vectors) -> float:
    stored = stored_vectors(dense)
    _, exact = faiss.knn(queries, stored, RECALL_AT, metric=faiss.METRIC_INNER_PRODUCT)
    _, found = dense.search(queries, RECALL_AT)
    same = [len(set(a) & set(b)) for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    return float(np.mean(same)) / RECALL_AT


def _p(call: Callable[..., object], arguments: Sequence[object]) -> tuple[float, float]:
    """p50 and p95 of a call, in milliseconds."""
    seconds = []
    for argument in arguments:
        started = time.perf_counter()
        call(argument)
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.percentile(seconds, 50)), 1000 * float(np.percentile(seconds, 95))


def _memory() -> int:
    """Resident memory of this process, bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_retrieval", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 100_000], help="passages")
    parser.add_argument("--vectors", type=int, default=2, help="vectors a passage, at least 2 (lead and text)")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peers", type=Path, help="folder of packages to look into after our own")
    parser.add_argument("--limit", type=int, default=1_000, help="questions of each set for the peers")
    options = parser.parse_args(arguments)
    if options.vectors < 2:
        parser.error("--vectors: a passage has a lead and a text, so at least 2")
    if options.peers:
        site.addsitedir(str(options.peers))
    settings = KnowledgeSettings()
    service, encoder = AnswerService.open(settings), SentenceEncoder(settings.encoder)
    faiss.omp_set_num_threads(1)
    if not options.no_peers:
        side_by_side(service, encoder, options.limit)
    if options.sizes:
        by_size(service, encoder, options.sizes, options.vectors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
