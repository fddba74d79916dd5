import Testing

/// Whole clusters: a real master, real agents, real processes. One test after the other, since each takes the machine.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ClusterTests {}
