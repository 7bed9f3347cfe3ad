"""The compatibility distance in plain Python."""


def reference_distance(a, b, rule):
    """Return δ of two plain genomes, from the paper's definition."""
    left = {gene["innovation"]: gene["weight"] for gene in a["connections"]}
    right = {gene["innovation"]: gene["weight"] for gene in b["connections"]}
    matching = left.keys() & right.keys()
    last = min(max(left, default=-1), max(right, default=-1))
    unmatched = left.keys() ^ right.keys()
    excess = sum(number > last for number in unmatched)
    size = max(len(left), len(right))
    if rule.normalisation == "size":
        size = size if size >= rule.normalise_from else 1
    else:
        size = max(1.0, size / rule.normalise_from)
    delta = rule.excess_coefficient * excess / size
    delta += rule.disjoint_coefficient * (len(unmatched) - excess) / size
    if matching:
        mean = sum(abs(left[number] - right[number]) for number in matching) / len(matching)
        delta += rule.weight_coefficient * mean
    nodes, others = ({node["id"]: node for node in genome["nodes"]} for genome in (a, b))
    shared = nodes.keys() & others.keys()
    difference = sum(
        sum(abs(nodes[id_][name] - others[id_][name]) for name in ("bias", "response"))
        + sum(nodes[id_][name] != others[id_][name] for name in ("activation", "aggregation"))
        for id_ in shared
    )
    return delta + rule.node_coefficient * difference / len(shared)
