-- Live resources of a type in row order: the way through a search that very many resources meet.
CREATE INDEX res_live ON res (tenant, type) WHERE state = 0;
