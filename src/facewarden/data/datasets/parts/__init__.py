"""What readers of published sets share: lists, clips, protocols, twins."""
