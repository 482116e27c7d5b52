# frozen_string_literal: true

namespace :doc do
  desc "Render the Ruby API into doc/ (needs YARD)"
  task(:ruby) { sh "yard", "doc", "--quiet", "--no-private", "lib/**/*.rb", "-", "README.md", "docs/*.md" }

  desc "Render the engine's API into target/doc"
  task(:rust) { sh "cargo", "doc", "--quiet", "--no-deps", "--workspace" }
end

desc "Render both APIs"
task doc: ["doc:ruby", "doc:rust"]
