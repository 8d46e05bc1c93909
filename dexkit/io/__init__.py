"""Files in, plain arrays and tables out: FASTA, annotation, contacts, expression.

One module an input, imported by its own name: :mod:`dexkit.io.fasta`, :mod:`dexkit.io.annotation`,
:mod:`dexkit.io.chroms`, :mod:`dexkit.io.expression`, :mod:`dexkit.io.samples`,
:mod:`dexkit.io.contacts`. Text is opened by :mod:`dexkit.io.text` and nowhere else.
"""
