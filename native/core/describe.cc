// norm_describe: what this library is and what its ops take and give, for every face and for the
// tests that compare it with the TypeScript types.
#include "core/c_api.h"
#include "core/devices.h"
#include "core/json.h"
#include "core/op.h"

namespace tfjs_norm {
namespace {

const char* TypeName(AttributeDecl::Type type) {
  switch (type) {
    case AttributeDecl::Type::kInt:
      return "int";
    case AttributeDecl::Type::kFloat:
      return "float";
    case AttributeDecl::Type::kBool:
      return "bool";
  }
  return "";
}

std::string DescribeArguments(const std::vector<ArgumentDecl>& arguments) {
  std::vector<std::string> names;
  for (const ArgumentDecl& argument : arguments) names.push_back(JsonString(argument.name));
  return JsonArray(names);
}

std::string DescribeLists(const OpDecl& op) {
  std::vector<std::string> names;
  for (const auto* arguments : {&op.inputs, &op.outputs}) {
    for (const ArgumentDecl& argument : *arguments) {
      if (argument.list) names.push_back(JsonString(argument.name));
    }
  }
  return JsonArray(names);
}

std::string DescribeAttribute(const AttributeDecl& attribute) {
  return JsonObject({{"name", JsonString(attribute.name)},
                     {"type", JsonString(TypeName(attribute.type))},
                     {"default", JsonNumber(attribute.default_value)},
                     {"minimum", JsonNumber(attribute.minimum)},
                     {"maximum", JsonNumber(attribute.maximum)}});
}

std::string DescribeOp(const OpDecl& op) {
  std::vector<std::string> attributes;
  for (const AttributeDecl& attribute : op.attributes) {
    attributes.push_back(DescribeAttribute(attribute));
  }
  return JsonObject({{"name", JsonString(op.name)},
                     {"summary", JsonString(op.summary)},
                     {"inputs", DescribeArguments(op.inputs)},
                     {"outputs", DescribeArguments(op.outputs)},
                     {"lists", DescribeLists(op)},
                     {"attributes", JsonArray(attributes)}});
}

std::string DescribeLibrary() {
  std::vector<std::string> architectures;
  for (const std::string& code : Architectures()) architectures.push_back(JsonString(code));
  std::vector<std::string> ops;
  for (const OpDecl* op : AllOps()) ops.push_back(DescribeOp(*op));
  return JsonObject({{"kind", JsonString(NORM_KIND)},
                     {"version", JsonString(NORM_VERSION)},
                     {"architectures", JsonArray(architectures)},
                     {"ops", JsonArray(ops)}});
}

}  // namespace
}  // namespace tfjs_norm

const char* norm_describe() {
  static const std::string& json = *new std::string(tfjs_norm::DescribeLibrary());
  return json.c_str();
}
