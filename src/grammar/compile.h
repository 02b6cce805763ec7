// Schema -> program: the demands on values, each compiled once, until none is new.
#pragma once

#include "grammar/program.h"
#include "grammar/schema.h"

namespace nibble::grammar {

Program compile_schema(Schema schema, Syntax syntax, Budget& budget);

// Adds `more` behind what `program` has; returns where its goals begin.
int append(Program& program, Program more);

}  // namespace nibble::grammar
