"""Sentences of many languages, and texts that are made of them: what tokenizers are compared on."""

from __future__ import annotations

import random

SENTENCES = {
    "en": ("The quick brown fox jumps over the lazy dog. We'll see whether it's raining tomorrow, won't we?"),
    "de": (
        "Der schnelle braune Fuchs springt über den faulen Hund. Straßenbahn, G"
        "röße, Übermut und Ärger gehören dazu."
    ),
    "fr": (
        "Le renard brun saute par-dessus le chien paresseux. L'été dernier, j'a"
        "i goûté des crêpes à Besançon — délicieux !"
    ),
    "es": (
        "El zorro marrón salta sobre el perro perezoso. ¿Dónde está la biblioteca? ¡Qué niño tan pequeño!"
    ),
    "pt": (
        "A raposa marrom salta sobre o cão preguiçoso. Não há razão para preocu"
        "pação, disse João em São Paulo."
    ),
    "it": "La volpe marrone salta sopra il cane pigro. Perché non vieni più spesso? È già così tardi.",
    "nl": ("De snelle bruine vos springt over de luie hond. 's Ochtends drink ik koffie, 's avonds thee."),
    "pl": ("Szybki brązowy lis przeskakuje nad leniwym psem. Zażółć gęślą jaźń, chrząszcz brzmi w trzcinie."),
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy. Řeřicha roste na Šumavě.",
    "sv": "Den snabba bruna räven hoppar över den lata hunden. Åsa köpte ägg och öl i Örebro.",
    "fi": "Nopea ruskea kettu hyppää laiskan koiran yli. Yöllä äiti söi hyvää mämmiä.",
    "tr": (
        "Hızlı kahverengi tilki tembel köpeğin üzerinden atlar. İstanbul'da yağmur yağıyor, şemsiyeni al."
    ),
    "ru": (
        "Быстрая коричневая лиса прыгает через ленивую собаку. Съешь ещё этих м"
        "ягких французских булок, да выпей чаю."
    ),
    "uk": "Швидка бура лисиця стрибає через лінивого пса. Їжак їсть ґрунтову ягоду щодня.",
    "el": "Η γρήγορη καφέ αλεπού πηδά πάνω από το τεμπέλικο σκυλί. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "he": "השועל החום המהיר קופץ מעל הכלב העצלן. שָׁלוֹם לכולם, מה שלומכם היום?",
    "ar": "الثعلب البني السريع يقفز فوق الكلب الكسول. مَرْحَبًا بِكُمْ في المدينة القديمة، كيف حالكم؟",
    "fa": "روباه قهوه‌ای سریع از روی سگ تنبل می‌پرد. امروز هوا خیلی خوب است.",
    "hi": "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है। आज मौसम बहुत अच्छा है, चलो बाहर चलते हैं।",
    "bn": "দ্রুত বাদামী শিয়াল অলস কুকুরের উপর লাফ দেয়। আজ আবহাওয়া খুব ভালো।",
    "ta": "விரைவான பழுப்பு நரி சோம்பேறி நாயின் மேல் குதிக்கிறது. இன்று வானிலை நன்றாக உள்ளது.",
    "th": "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ วันนี้อากาศดีมากเราไปเดินเล่นกันเถอะ",
    "vi": "Con cáo nâu nhanh nhẹn nhảy qua con chó lười biếng. Hôm nay trời đẹp, chúng ta đi dạo nhé.",
    "zh": "敏捷的棕色狐狸跳过了懒狗。今天天气很好，我们一起去公园散步吧！人工智能正在改变世界。",
    "ja": "素早い茶色の狐がのろまな犬を飛び越える。今日は天気がいいから、散歩しましょう。カタカナとﾊﾝｶｸ。",
    "ko": "빠른 갈색 여우가 게으른 개를 뛰어넘는다. 오늘은 날씨가 좋으니 산책하러 갑시다.",
    "code": (
        "def f(x, y=1):\n    if x > y:\n        return {'a': [x, y], \"b\": 0x1F}  "
        '# TODO\n\n\n\tclass A<T> extends B { int i = 10_000; }\n<div class="row"><p'
        ">Text</p></div>\n\n"
    ),
    "mix": (
        "GPT-4o costs $0.005/1K tokens!!! visit https://example.com/?q=a%20b&x="
        "1 — e-mail: a.b@c.org 👍🏽 👨‍👩‍👧 ½ ① Ⅷ\r\n\t∑x²≤∞"
    ),
}
"""By language, with some code and a mixture of signs."""


def language_texts(count: int, seed: int = 5) -> list[str]:
    """Whole sentences, pieces of them, several languages side by side, and words in disorder."""
    rng = random.Random(seed)
    sentences = [*SENTENCES.values()]
    texts = [*sentences]
    while len(texts) < count:
        kind = rng.random()
        if kind < 0.6:
            sentence = rng.choice(sentences)
            start = rng.randrange(len(sentence))
            texts.append(sentence[start : start + rng.choice([3, 8, 20, 60, 120])])
        elif kind < 0.85:
            starts = [rng.randrange(20) for _ in range(rng.randrange(2, 5))]
            pieces = [rng.choice(sentences)[start : start + rng.randrange(1, 50)] for start in starts]
            texts.append(rng.choice(["\n", " ", "\n\n", "  ", ""]).join(pieces))
        else:
            words = [word for _ in range(2) for word in rng.choice(sentences).split(" ")]
            rng.shuffle(words)
            texts.append(rng.choice([" ", "  ", "\n", "\t", "\n\n\n"]).join(words[: rng.randrange(1, 12)]))
    return texts[:count]
