"""How the numbers of audits of one system move over time: chosen metrics, the gate, and the page of both."""
