CREATE UNIQUE INDEX concept_code ON concept (code);
CREATE INDEX concept_display ON concept (display);
CREATE INDEX term_concept ON term (concept);
CREATE INDEX relation_source ON relation (source, property, part, target);
CREATE INDEX said_source ON said (source, property);
CREATE INDEX member_concept ON member (concept);
CREATE INDEX map_target ON map (mapset, target);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
