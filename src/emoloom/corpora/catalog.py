"""The corpora emoloom knows, one entry each."""

from collections.abc import Mapping
from types import MappingProxyType

from emoloom.corpora.corpus import Corpus, Reader
from emoloom.corpora.dialogues import DAILY, EMPATHETIC
from emoloom.corpora.official import (
    DAILY_NEEDS,
    EMOBANK_NEEDS,
    EMPATHETIC_NEEDS,
    GOEMOTIONS_NEEDS,
    read_daily_folder,
    read_emobank_path,
    read_empathetic_folder,
    read_goemotions_folder,
    sample_reader,
)

_CC = "https://creativecommons.org/licenses/"

_GOEMOTIONS_SHA256 = MappingProxyType(
    {
        "train.tsv": "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5",
        "dev.tsv": "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62",
        "test.tsv": "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4",
        "emotions.txt": "45c3ef86782d2a4d7fedcd6d8c111aa0d0e94720689bd164fac94fefb4495a89",
    }
)
_EMOBANK_SHA256 = MappingProxyType(
    {"emobank.csv": "1ade4a4a453e880c0f39d0536d2b355e8a716e0cf88236c64cdb4d438cf9605b"}
)
_EMPATHETIC_SHA256 = MappingProxyType(
    {
        "train.csv": "2d9af9f967c29cee1051726031597c2ea0e81ce66023a93fa5aabbc4e81748f8",
        "valid.csv": "a8885f730b24bcc03ee602f37c96f9e37f8770a0b87915adb85d40a6299d3cec",
        "test.csv": "f3464f4b2d8c0f37ff8b68ec947a1e551ae012ec2a7fda20039a34b4963d87aa",
    }
)
_DAILY_SHA256 = MappingProxyType(
    {
        "dialogues_train.txt": "2268eeaa96633ef4ef890edc30f9cb8d5c88be08173863e5bf402c42cdd60716",
        "dialogues_emotion_train.txt": (
            "5c94e57c6e6c6641f4b1386513085f9d9b934229e732a556424ca7dfae4b6c77"
        ),
        "dialogues_validation.txt": (
            "2ad64701fe3a4449e7a6ee7cdc6c2a71c80f77b8a34f708ac0532395f499081c"
        ),
        "dialogues_emotion_validation.txt": (
            "3d4094299a995e998bbc3492ce1755c9abc1e7f56500c840e83b12dd16580596"
        ),
        "dialogues_test.txt": "3c323651cdfb09f7b529f850eddf96a638fc6cc9b43330b77956ab248484a1a8",
        "dialogues_emotion_test.txt": (
            "482b7235f91a1441055a09241b2d2709bb1702f4a08d7316c27fa807cba7d3c9"
        ),
    }
)


def _goemotions(name: str, title: str, needs: str, reader: Reader) -> Corpus:
    return Corpus(
        name=name,
        title=title,
        licence="CC BY 4.0",
        licence_url=f"{_CC}by/4.0/legalcode",
        citation="Demszky et al. 2020, GoEmotions: A Dataset of Fine-Grained Emotions, ACL 2020",
        url="https://github.com/google-research/google-research/tree/master/goemotions",
        label_space="goemotions28",
        has_vad=False,
        needs=needs,
        reader=reader,
        sha256=_GOEMOTIONS_SHA256 if needs else MappingProxyType({}),
        hub="google-research-datasets/go_emotions" if needs else "",
    )


def _emobank(name: str, title: str, needs: str, reader: Reader) -> Corpus:
    return Corpus(
        name=name,
        title=title,
        licence="CC BY-SA 4.0",
        licence_url=f"{_CC}by-sa/4.0/legalcode",
        citation="Buechel and Hahn 2017, EmoBank: Studying the Impact of Annotation Perspective "
        "and Representation Format on Dimensional Emotion Analysis, EACL 2017",
        url="https://github.com/JULIELab/EmoBank",
        label_space=None,
        has_vad=True,
        needs=needs,
        reader=reader,
        sha256=_EMOBANK_SHA256 if needs else MappingProxyType({}),
    )


_EMPATHETIC = Corpus(
    name=EMPATHETIC,
    title="EmpatheticDialogues, situations",
    licence="CC BY-NC 4.0",
    licence_url=f"{_CC}by-nc/4.0/legalcode",
    citation="Rashkin et al. 2019, Towards Empathetic Open-domain Conversation Models: a New "
    "Benchmark and Dataset, ACL 2019",
    url="https://github.com/facebookresearch/EmpatheticDialogues",
    label_space="empathetic32",
    has_vad=False,
    needs=EMPATHETIC_NEEDS,
    reader=read_empathetic_folder,
    sha256=_EMPATHETIC_SHA256,
    known_as="the copy that the reader was checked with (selfeval and tags empty)",
    hub="facebook/empathetic_dialogues",
    in_conversations=True,
)

_DAILY = Corpus(
    name=DAILY,
    title="DailyDialog, utterances with the turn before",
    licence="CC BY-NC-SA 4.0",
    licence_url=f"{_CC}by-nc-sa/4.0/legalcode",
    citation="Li et al. 2017, DailyDialog: A Manually Labelled Multi-turn Dialogue Dataset, "
    "IJCNLP 2017",
    url="http://yanran.li/dailydialog",
    label_space="ekman7",
    has_vad=False,
    needs=DAILY_NEEDS,
    reader=read_daily_folder,
    sha256=_DAILY_SHA256,
    known_as="the copy that the reader was checked with (its train text is detokenised)",
    hub="li2017dailydialog/daily_dialog",
    in_conversations=True,
)

CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {
        corpus.name: corpus
        for corpus in (
            _goemotions(
                "goemotions-sample", "GoEmotions, embedded sample", "", sample_reader("goemotions")
            ),
            _emobank("emobank-sample", "EmoBank, embedded sample", "", sample_reader("emobank")),
            _goemotions("goemotions", "GoEmotions", GOEMOTIONS_NEEDS, read_goemotions_folder),
            _emobank("emobank", "EmoBank", EMOBANK_NEEDS, read_emobank_path),
            _EMPATHETIC,
            _DAILY,
        )
    }
)
"""Registry name -> corpus."""
