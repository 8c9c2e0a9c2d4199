"""What a user would pick instead of `knowledge`: each peer indexes the same passages with the same model.

A peer is a function from texts to a search; a search gives the text numbers that fit a question best, with a score. Its
package is imported inside the function, so that one which is not installed is an ImportError there and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import faiss
import numpy as np

from knowledge.encoder import Vectors
from knowledge.weights import model_folder

Found = list[tuple[int, float]]
"""Number of a text and its score, best first."""
Search = Callable[[str], Found]


class Encoder(Protocol):
    """Texts to unit rows: the product's `SentenceEncoder`, or the same model on torch."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), 384), float32."""


Build = Callable[[Sequence[str], Encoder], Search]

DEPTH = 10
_WORD = re.compile(r"\w+")


def rank_bm25(texts: Sequence[str]) -> Search:
    from rank_bm25 import BM25Okapi

    model = BM25Okapi([_WORD.findall(text.lower()) for text in texts])

    def search(question: str) -> Found:
        scores = model.get_scores(_WORD.findall(question.lower()))
        return [(int(row), float(scores[row])) for row in np.argsort(-scores, kind="stable")[:DEPTH]]

    return search


class Torch:
    """The model as every tutorial loads it: sentence-transformers on torch. Encodes as `SentenceEncoder` does."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Load it, and encode the passages once for all peers."""
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(model_folder()), device="cpu")
        self._known: dict[str, Vectors] = {}
        self._known = dict(zip(texts, self.encode(texts), strict=True))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, shape (len(texts), 384), float32."""
        if all(text in self._known for text in texts):
            return np.stack([self._known[text] for text in texts])
        rows: Vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return rows


def faiss_flat(texts: Sequence[str], encoder: Encoder) -> Search:
    """FAISS over passages, nothing else."""
    return _faiss_search(encoder.encode(texts), encoder.encode)


def _faiss_search(vectors: Vectors, encode: Callable[[list[str]], Vectors]) -> Search:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)

    def search(question: str) -> Found:
        scores, rows = index.search(encode([question]), DEPTH)
        return [(int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True)]

    return search


def langchain_faiss(texts: Sequence[str], encoder: Encoder) -> Search:
    from langchain_community.vectorstores import FAISS
    from langchain_community.vectorstores.utils import DistanceStrategy
    from langchain_core.embeddings import Embeddings

    class Ours(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return encoder.encode(texts).tolist()

        def embed_query(self, text: str) -> list[float]:
            return encoder.encode([text])[0].tolist()

    store = FAISS.from_texts(
        list(texts),
        Ours(),
        metadatas=[{"row": row} for row in range(len(texts))],
        distance_strategy=DistanceStrategy.MAX_INNER_PRODUCT,
    )

    def search(question: str) -> Found:
        found = store.similarity_search_with_score(question, k=DEPTH)
        return [(document.metadata["row"], float(score)) for document, score in found]

    return search


def llama_index_memory(texts: Sequence[str], encoder: Encoder) -> Search:
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.schema import TextNode

    class Ours(BaseEmbedding):
        def _get_query_embedding(self, query: str) -> list[float]:
            return encoder.encode([query])[0].tolist()

        def _get_text_embedding(self, text: str) -> list[float]:
            return encoder.encode([text])[0].tolist()

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    nodes = [TextNode(text=text, id_=str(row)) for row, text in enumerate(texts)]
    retriever = VectorStoreIndex(nodes, embed_model=Ours()).as_retriever(similarity_top_k=DEPTH)

    def search(question: str) -> Found:
        return [(int(hit.node.node_id), float(hit.score)) for hit in retriever.retrieve(question)]

    return search


def haystack_memory(texts: Sequence[str], encoder: Encoder) -> Search:
    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
    from haystack import Document
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    vectors = encoder.encode(texts).tolist()
    store.write_documents(
        [Document(content=text, embedding=vectors[row], meta={"row": row}) for row, text in enumerate(texts)]
    )
    retriever = InMemoryEmbeddingRetriever(store, top_k=DEPTH)

    def search(question: str) -> Found:
        found = retriever.run(query_embedding=encoder.encode([question])[0].tolist())["documents"]
        return [(document.meta["row"], float(document.score)) for document in found]

    return search


def txtai_hybrid(texts: Sequence[str], encoder: Encoder) -> Search:
    from txtai import Embeddings

    return _txtai(Embeddings, texts, encoder, hybrid=True)


def txtai_dense(texts: Sequence[str], encoder: Encoder) -> Search:
    from txtai import Embeddings

    return _txtai(Embeddings, texts, encoder, hybrid=False)


def _txtai(embeddings: Any, texts: Sequence[str], encoder: Encoder, *, hybrid: bool) -> Search:
    def encode(batch: Sequence[str]) -> Vectors:
        return encoder.encode(list(batch))

    index = embeddings(method="external", transform=encode, backend="faiss", hybrid=hybrid, content=False)
    index.index([(row, text, None) for row, text in enumerate(texts)])

    def search(question: str) -> Found:
        return [(int(row), float(score)) for row, score in index.search(question, DEPTH)]

    return search


PEERS: dict[str, Build] = {
    "FAISS": faiss_flat,
    "LangChain + FAISS": langchain_faiss,
    "LlamaIndex, in memory": llama_index_memory,
    "Haystack, in memory": haystack_memory,
    "txtai, dense": txtai_dense,
    "txtai, hybrid": txtai_hybrid,
}
"""Those that encode. `rank_bm25` does not."""
