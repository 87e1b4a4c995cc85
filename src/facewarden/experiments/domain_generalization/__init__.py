"""Anti-spoofing on unseen domains: methods trained on source domains, measured on a target domain."""
