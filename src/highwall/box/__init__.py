"""The model that ships with the package (`model/`, `highwall map default SCENE -o OUT`), and how it is made.

python -m highwall.box.train -o DIR
"""
