"""A person: identity, skin, hair, features, expressions and pose, as maps that light and sensors act on."""
