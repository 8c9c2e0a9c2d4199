"""What can go wrong in `knowledge`. Each message names the file, the field and the fix."""


class KnowledgeError(Exception):
    """Base of every error that `knowledge` raises on purpose."""


class ArticleError(KnowledgeError):
    """An article or its front matter cannot be used as it stands."""


class ImportSourceError(KnowledgeError):
    """A document cannot be imported."""


class LedgerError(KnowledgeError):
    """The approval ledger was altered, or a line of it cannot be read."""


class EncoderError(KnowledgeError):
    """The exported encoder is missing or damaged."""


class IndexArtifactError(KnowledgeError):
    """An index artifact is missing, damaged or was built for another encoder."""


class SettingsError(KnowledgeError):
    """A setting has a value that makes no sense."""
