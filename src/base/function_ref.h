// A borrowed callable: two words, nothing allocated. For parameters that are called before the function
// returns; what it refers to must outlive it.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>

namespace nibble {

template <typename Signature>
class FunctionRef;

template <typename Result, typename... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <typename Callable>
  requires(!std::same_as<std::remove_cvref_t<Callable>, FunctionRef> &&
           std::is_invocable_r_v<Result, Callable&, Args...>) FunctionRef(Callable&& callable)
      : callable_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(args...);
        }) {}

  Result operator()(Args... args) const { return call_(callable_, args...); }

 private:
  void* callable_;
  Result (*call_)(void*, Args...);
};

}  // namespace nibble
