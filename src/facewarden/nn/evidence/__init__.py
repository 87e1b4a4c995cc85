"""Evidence for a bona fide presentation, term by term: what each says, how well it is calibrated, how it adds up."""
