"""The first parallel phase of cleaning: a piece of the input to candidates, and to what deduplication compares."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data_prep.cleaning.candidates import CANDIDATE_SCHEMA, candidate_path, write_candidate
from data_prep.cleaning.document_processor import DocumentProcessor
from data_prep.cleaning.tally import Tally, WrittenTally
from data_prep.cleaning.template_cache import load_books
from data_prep.dedup.keys import KeyWriter, piece_folder
from data_prep.mediawiki.template_book import TemplateBook
from data_prep.reading.pieces import Parts, Piece
from data_prep.reading.readers import CorpusReader
from data_prep.reading.splits import HELD_OUT
from pipeline.config.clean import CleanConfig
from pipeline.formats.documents import DocumentFile


@dataclass(frozen=True)
class Extractor:
    """Cleans a piece; picklable, for the workers."""

    config: CleanConfig
    parts: Parts
    folder: Path
    """Where candidates go."""
    keys: Path
    """Where what deduplication compares goes."""
    contamination: str
    evaluation: Path | None
    """Both as for `DocumentProcessor`."""
    templates: Path
    """What was learned of the templates of dumps."""

    def __call__(self, piece: Piece) -> WrittenTally:
        """Write the piece's candidates and keys; gives the tally of it.

        Raises:
            UserError: where a file is damaged, has another shape than the source says, or was changed meanwhile.
        """
        try:
            return self._extract(piece)
        finally:
            # A piece of other content must not be kept: it would count as one of what the file held before.
            source, folder = self.parts[piece.part]
            for number in dict.fromkeys(span.file for span in piece.spans):
                source.check_unchanged(source.files[number], folder)

    def _extract(self, piece: Piece) -> WrittenTally:
        source, _ = self.parts[piece.part]
        brought = {file.split for file in source.files if file.split}
        processor = DocumentProcessor(
            self.config,
            source.format,
            piece.split,
            brought,
            self.contamination,
            self.evaluation,
            self._books if source.format == "mediawiki" else {},
        )
        tally, most = Tally(), self.config.max_documents
        with (
            DocumentFile(candidate_path(self.folder, piece.number), CANDIDATE_SCHEMA) as file,
            KeyWriter(self.keys, piece.number, self.config.deduplicate) as keys,
        ):
            for record in self._readers[piece.part].read_piece(piece, tally.note_damage):
                outcome = processor.process(record)
                tally.count(outcome, record.title or record.id, piece.is_held_out)
                if outcome.candidate:
                    write_candidate(file, outcome.candidate)
                    document = outcome.candidate.document
                    evaluated = outcome.candidate.split in HELD_OUT
                    keys.add(document.id, document.text, not processor.is_filtered, evaluated)
                if tally.trainable == most:
                    break
        return tally.to_json()

    def made(self, piece: Piece) -> list[Path]:
        """The piece's candidates, where it has some, and its keys."""
        keys = sorted(piece_folder(self.keys, piece.number).iterdir())
        return [candidate_path(self.folder, piece.number), *keys]

    @cached_property
    def _books(self) -> dict[str, TemplateBook]:
        return load_books(self.templates)

    @cached_property
    def _readers(self) -> dict[str, CorpusReader]:
        most = int(self.config.max_page_mb * 1e6)
        return {name: CorpusReader(source, folder, most) for name, (source, folder) in self.parts.items()}
