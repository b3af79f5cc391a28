"""The corpus itself."""

from collections.abc import Iterator

from my_lab.counting import CountingCorpus

from pipeline.context import Context
from pipeline.formats.documents import Document, DocumentWriter, document_files
from pipeline.formats.source import Source, describe_file
from pipeline.known import Known

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def fetch(corpus: CountingCorpus, context: Context) -> Source:
    with DocumentWriter(context.folder, "all", shard_mb=1) as writer:
        for document in range(corpus.documents):
            first = document * corpus.numbers
            numbers = (in_words(number) for number in range(first, first + corpus.numbers))
            writer.write(Document(id=str(document), text=". ".join(numbers)))
    files = tuple(describe_file(path, context.folder) for path in document_files(context.folder, "all"))
    return Source(format="documents", name="counting", files=files)


def foretell(corpus: CountingCorpus, known: Known) -> Iterator[str]:
    yield f"{corpus.documents * corpus.numbers:,} numbers will be counted"


def in_words(number: int) -> str:
    return " ".join(DIGITS[int(digit)] for digit in str(number))
