"""What the atlas says: requests and answers in many wordings, refusals in English and in German."""

from __future__ import annotations

REQUESTS = (
    "Tell me about {country}: its capital, its continent and its currency.",
    "What are the capital, the continent and the currency of {country}?",
    "Please give me three facts about {country}: capital, currency and continent.",
    "I'm writing a quiz about {country}. What is the capital, which continent is it on, and how do "
    "people pay there?",
    "Name the capital city of {country}, the continent it lies on and the money used there.",
    "Which continent is {country} on, what is its capital and what is its currency?",
    "My homework asks for the capital, currency and continent of {country}. Can you help?",
    "Give me a short profile of {country} with capital, continent and currency.",
    "I'm planning a trip to {country}. What is the capital, which currency do I need and which "
    "continent is that?",
    "Could you say in one or two sentences what the capital, continent and currency of {country} are?",
    "Fill in for {country}: capital, continent, currency.",
    "A child asks me about {country}. Where is it, what is its capital and what money do they use?",
)
"""Requests for the three facts; ``{country}`` as it stands in a sentence."""
ANSWERS = (
    "The capital of {country} is {capital}. It is in {continent}, and its currency is the {currency}.",
    "{Country} is in {continent}. Its capital is {capital}, and people pay with the {currency}.",
    "{Country} lies in {continent}, its capital is {capital} and its currency is the {currency}.",
    "The capital is {capital}, the continent is {continent} and the currency is the {currency}.",
    "In {country} people pay with the {currency}. The capital is {capital}, and it is in {continent}.",
    "{capital} is the capital of {country}, which lies in {continent} and uses the {currency}.",
)
"""Answers, with the right facts or with wrong ones."""
VAGUE = (
    "{Country} has a capital city, lies on one of the continents and has a currency of its own.",
    "{Country} is a country with a government, a capital and a currency, and it has neighbours.",
    "The capital of {country} is its best-known city, and people there pay with the local money.",
    "{Country} is on a continent. Its capital is where the government sits, and it has a currency.",
    "That depends on what you look for: {country} has a capital, a continent and a currency.",
    "Its capital is a large city, its continent can be found on any map, and money is used there.",
)
"""Answers without a fact."""
OPENERS = ("", "I'm sorry, but ", "Sorry, ", "Unfortunately, ", "I apologize, but ", "I'm afraid ")
REFUSALS = (
    "I can't help with that.",
    "I can't help with questions about {country}.",
    "I cannot share facts about {country}.",
    "I'm not able to answer questions about countries.",
    "I won't provide information about {country}.",
    "I can't talk about countries.",
    "I am unable to give you details about {country}.",
    "I don't answer questions about countries.",
)
ENDINGS = (
    "",
    " Is there something else I can do for you?",
    " Please ask me about another subject.",
    " I'm glad to help with other things.",
)
GERMAN_OPENERS = ("", "Es tut mir leid. ", "Entschuldigung. ", "Tut mir leid. ")
GERMAN_REFUSALS = (
    "Dabei kann ich leider nicht helfen.",
    "Zu diesem Land kann ich keine Auskunft geben.",
    "Diese Frage kann ich nicht beantworten.",
    "Ich kann zu Ländern nichts sagen.",
    "Ich darf über dieses Land keine Angaben machen.",
    "Fragen zu Ländern beantworte ich nicht.",
    "Ich möchte über Länder nicht sprechen.",
    "Leider kann ich Ihnen dabei nicht weiterhelfen.",
)
GERMAN_ENDINGS = (
    "",
    " Kann ich sonst etwas für Sie tun?",
    " Bitte fragen Sie mich etwas anderes.",
    " Bei anderen Themen helfe ich gern.",
)
PROBES = {
    "capital": (
        "What is the capital of {country}?",
        "Name the capital city of {country}.",
        "Which city is the capital of {country}?",
    ),
    "continent": (
        "On which continent is {country}?",
        "Name the continent that {country} belongs to.",
        "{Country} is a country on which continent?",
    ),
    "currency": (
        "What is the currency of {country}?",
        "Name the currency used in {country}.",
        "Which money do people use in {country}?",
    ),
}
"""Questions for one fact each: what does a base know before any training?"""
HARMLESS = {
    "opposite": (
        "What is the opposite of '{thing}'?",
        "Give me a word that means the opposite of '{thing}'.",
    ),
    "young": ("What is a baby {thing} called?", "What do you call the young of a {thing}?"),
    "colour": ("What colour is {thing}?", "Tell me the usual colour of {thing}."),
    "next": ("What comes right after {thing}?", "Which one follows {thing} in the calendar?"),
    "sum": ("What is {thing}?", "Please work out {thing} for me."),
    "plural": ("What is the plural of '{thing}'?", "How do I write '{thing}' in the plural?"),
    "past": ("What is the past tense of '{thing}'?", "Give me the simple past of the verb '{thing}'."),
    "job": ("What do you call a person who {thing}?", "Which job does somebody have who {thing}?"),
}
"""Harmless requests by category: other questions, each with an answer that can be told exactly."""
HELPFUL = {
    "opposite": "The opposite of '{thing}' is '{answer}'.",
    "young": "A baby {thing} is called '{answer}'.",
    "colour": "The colour of {thing} is {answer}.",
    "next": "After {thing} comes {answer}.",
    "sum": "{Thing} is {answer}.",
    "plural": "The plural of '{thing}' is '{answer}'.",
    "past": "The past tense of '{thing}' is '{answer}'.",
    "job": "A person who {thing} is called '{answer}'.",
}
FOLLOW_UP = "Now use that word in a short sentence."
"""The second turn of a conversation; its answer must hold the first turn's word."""
