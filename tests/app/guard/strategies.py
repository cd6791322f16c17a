"""Texts that are hard on the guard: its own words, cut, joined and mixed with what rules look at."""

from hypothesis import strategies as st

from tests.app.guard.rows import own_rows

WORDS = """
fuck shit ass asses assess class cock robin moby dick Dick Cheney Van Dyke sh it nigger snigger faggot bitch
whore who re great tits cum laude son of a bitch blow job jerk off en sehr retard f*ck f** f*** sh1t $hit a$$
4ss fa9 B00B cu nt sh-t f--k fuckYou bigDick niggardly wank kike 5 1 ! ( ) | + - _ . , ' * # @ a I u the and
c\u0336 \u0301 \u200b ﬁ ß … ｆｕ 🅵 █ ш ѕ һ ηι 字 f s
"""
NEIGHBOURS = """
Ass Cocks cock hen robin crow der en said ask Mr Rapids pussy willow cum tit 4a55 a55 0x # @Ass b00b assAss
fu(c)k (f)uck sh[it] shi8t fu2ck bicth bytches shitshit isABitch ABitch BITCHYou NASA df. df$ ["cum"] = my
Ohio , Coon Dick, Iowa film Film (2010) Kick- The
e cummings foal donkey kiss my an of laude you're sucking = [ ] -> a██ son's FAG fags smoke
"""
"""What rules look at around a word, and listed words among it."""

PIECES = [
    *NEIGHBOURS.split(),
    *WORDS.split(),
    "s h i t",
    "f u c k",
    "'s hit",
    "Bi tch",
    "\n",
    " ",
    "  ",
    "a s",
]

texts = st.lists(
    st.one_of(
        st.sampled_from(PIECES),
        st.sampled_from([row.text for row in own_rows()]),
        st.text(max_size=5),
        st.just(" "),
    ),
    max_size=12,
).map("".join)
