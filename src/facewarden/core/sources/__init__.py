"""How a person names models, captures and photos: the grammar, and what files of their own hold."""
