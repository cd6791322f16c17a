"""What the texts that are slow for the guard are made of; `python -m tests.slow` looks for them."""

WORDS = """
ass Ass asses tit tits cum Dick dick cock cocks fuck fucker shit bitch nigger faggot fag cunt whore bastard
retard assholes cocksuckers moby hen robin der en sehr said kiss my son of a great blue ox class snigger
fu(c)k shi8t bicth isABitch shitshit df.cum Ohio film (2010)
f*ck f** f*** sh** s*s a$$ 4ss 5h1t sh1t n1gg3r b00b a55 c0ck f--k s***
"""
LETTERS = "asfuckhitbdgnerol"
SYMBOLS = " .,_-*#@$!|+~&()[]{}'\"/\\:;=?^%1457\n\t\u0301\u200bж字█éﬁ"
JOINED = ("  ", " = ", "->")


def alphabet() -> list[str]:
    """Words, letters and symbols that patterns are made of."""
    return [*WORDS.split(), *LETTERS, *LETTERS.upper(), *SYMBOLS, *JOINED]
